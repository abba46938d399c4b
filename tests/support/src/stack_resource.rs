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
