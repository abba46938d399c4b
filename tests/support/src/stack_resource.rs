//! Replies of CloudFormation to `DescribeStackResource`.

use std::time::SystemTime;

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

/// A status of a resource, a physical id, and when the status was recorded, if the reply says so.
pub fn described(status: &str, id: &str, changed: Option<SystemTime>) -> String {
    let changed = changed.map_or(String::new(), |changed| {
        let changed = DateTime::from(changed).fmt(Format::DateTime).expect("a date");
        format!("<LastUpdatedTimestamp>{changed}</LastUpdatedTimestamp>")
    });
    let detail = format!("<ResourceStatus>{status}</ResourceStatus><PhysicalResourceId>{id}</PhysicalResourceId>");
    format!("<R>{changed}{detail}</R>")
}

/// The physical id that a request asks for.
pub fn asked_id(request: &str) -> Option<String> {
    let asked = request.split('&').find_map(|field| field.strip_prefix("PhysicalResourceId="))?;
    Some(asked.replace("%2F", "/").replace("%7C", "|").replace("%3A", ":"))
}

/// The stack whose resources a request asks for.
pub fn asked_stack(request: &str) -> Option<String> {
    let asked = request.split('&').find_map(|field| field.strip_prefix("StackName="))?;
    Some(asked.replace("%2F", "/").replace("%3A", ":"))
}

/// Two resources of a stack; the second one has this type, and this physical id.
pub fn resources(stack_id: &str, logical_id: &str, resource_type: &str, id: &str) -> String {
    let member = |logical_id: &str, resource_type: &str, id: &str| {
        format!(
            "<member><StackId>{stack_id}</StackId><LogicalResourceId>{logical_id}</LogicalResourceId>\
             <PhysicalResourceId>{id}</PhysicalResourceId><ResourceType>{resource_type}</ResourceType></member>"
        )
    };
    let other = member("Endpoint", "AWS::SageMaker::Endpoint", "prod");
    let asked = member(logical_id, resource_type, id);
    format!("<R><StackResources>{other}{asked}</StackResources></R>")
}

/// The type of a native scalable target.
pub const NATIVE_TARGET: &str = "AWS::ApplicationAutoScaling::ScalableTarget";
/// The type of a gate.
pub const UPDATE_GATE: &str = "Custom::SageMakerEndpointUpdateGate";

/// The stack exists, and has no such resource; the status is 400.
pub fn unknown_resource() -> String {
    error("Resource Scaling does not exist for stack x")
}

/// There is no such stack; the status is 400.
pub fn unknown_stack() -> String {
    error("Stack x does not exist")
}

fn error(message: &str) -> String {
    format!("<ErrorResponse><Code>ValidationError</Code><Message>{message}</Message></ErrorResponse>")
}
