//! AWS Query, the protocol of CloudFormation: a form as the request, XML as the reply.
//!
//! <https://smithy.io/2.0/aws/protocols/aws-query-protocol.html>

use std::fmt::Write as _;

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde_json::{Map, Value};

use crate::protocol::fault::Fault;

/// The operation of a form, such as `DescribeStacks`, and its input. All members are text.
pub fn read_form(form: &str) -> Option<(String, Value)> {
    let pair = |field: &str| {
        let (name, value) = field.split_once('=')?;
        Some((unescaped(name), Value::String(unescaped(value))))
    };
    let mut members: Map<String, Value> = form.split('&').filter_map(pair).collect();
    members.remove("Version");
    let Some(Value::String(action)) = members.remove("Action") else { return None };
    Some((action, Value::Object(members)))
}

/// The body of the reply to an operation.
pub fn reply(action: &str, answer: &Result<Value, Fault>) -> String {
    let mut xml = String::new();
    match answer {
        Ok(output) => {
            element(&mut xml, &format!("{action}Response"), |xml| {
                element(xml, &format!("{action}Result"), |xml| members(xml, output))
            });
        }
        Err(fault) => element(&mut xml, "ErrorResponse", |xml| {
            element(xml, "Error", |xml| {
                element(xml, "Code", |xml| text(xml, &fault.code));
                element(xml, "Message", |xml| text(xml, &fault.message));
            });
        }),
    }
    xml
}

/// A time in seconds since the epoch, as replies spell it.
pub(crate) fn time(seconds: f64) -> String {
    DateTime::from_secs_f64(seconds).fmt(Format::DateTime).unwrap_or_default()
}

fn members(xml: &mut String, value: &Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                element(xml, name, |xml| members(xml, value));
            }
        }
        Value::Array(items) => {
            for item in items {
                element(xml, "member", |xml| members(xml, item));
            }
        }
        Value::String(found) => text(xml, found),
        other => text(xml, &other.to_string()),
    }
}

fn element(xml: &mut String, name: &str, content: impl FnOnce(&mut String)) {
    let _ = write!(xml, "<{name}>");
    content(xml);
    let _ = write!(xml, "</{name}>");
}

fn text(xml: &mut String, text: &str) {
    xml.push_str(&text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"));
}

fn unescaped(text: &str) -> String {
    let text = text.replace('+', " ");
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let escaped = part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.extend(escaped.into_iter().chain(part.bytes().skip(2)));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_form_is_read_and_a_reply_written() {
        let form = "Action=DescribeStacks&Version=2010-05-15&StackName=arn%3Aaws%3Ax%2Fa+b";
        assert_eq!(read_form(form), Some(("DescribeStacks".to_owned(), json!({ "StackName": "arn:aws:x/a b" }))));
        assert_eq!(read_form("{}"), None);
        let output = json!({ "Stacks": [{ "Tags": [{ "Key": "a<b", "Value": "" }] }] });
        assert_eq!(
            reply("DescribeStacks", &Ok(output)),
            "<DescribeStacksResponse><DescribeStacksResult><Stacks><member><Tags><member><Key>a&lt;b</Key><Value></Value>\
             </member></Tags></member></Stacks></DescribeStacksResult></DescribeStacksResponse>"
        );
        let fault = Fault::new("ValidationError", "no & no");
        assert_eq!(
            reply("DescribeStacks", &Err(fault)),
            "<ErrorResponse><Error><Code>ValidationError</Code><Message>no &amp; no</Message></Error></ErrorResponse>"
        );
    }
}
