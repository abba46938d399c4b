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

/// Two resources of a stack; the second one is native, and has the physical id that a request asks for.
pub fn natives(stack_id: &str, logical_id: &str, request: &str) -> String {
    let asked = request.split('&').find_map(|field| field.strip_prefix("PhysicalResourceId=")).unwrap_or_default();
    let id = asked.replace("%2F", "/").replace("%7C", "|").replace("%3A", ":");
    let member = |logical_id: &str, resource_type: &str, id: &str| {
        format!(
            "<member><StackId>{stack_id}</StackId><LogicalResourceId>{logical_id}</LogicalResourceId>\
             <PhysicalResourceId>{id}</PhysicalResourceId><ResourceType>{resource_type}</ResourceType></member>"
        )
    };
    let other = member("Endpoint", "AWS::SageMaker::Endpoint", "prod");
    let native = member(logical_id, "AWS::ApplicationAutoScaling::ScalableTarget", &id);
    format!("<R><StackResources>{other}{native}</StackResources></R>")
}

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
