//! AWS Query, the protocol of CloudFormation: a form as the request, XML as the reply.
//!
//! <https://smithy.io/2.0/aws/protocols/aws-query-protocol.html>

use std::borrow::Cow;
use std::collections::BTreeMap;

use aws_smithy_query::QueryWriter;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::error::metadata::ErrorMetadata;
use aws_smithy_xml::decode::{Document, ScopedDecoder, XmlDecodeError, try_data};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::protocol::{ErrorReply, Unwanted};

/// A request. All its fields are text.
pub(super) fn request(action: &str, version: &str, input: Value) -> Result<HttpRequest, BoxError> {
    let fields: BTreeMap<String, String> = serde_json::from_value(input)?;
    let mut form = String::new();
    let mut writer = QueryWriter::new(&mut form, action, version);
    for (name, value) in &fields {
        writer.prefix(name).string(value);
    }
    writer.finish();
    let request = http::Request::post("/")
        .header(http::header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(http::header::CONTENT_LENGTH, form.len())
        .body(SdkBody::from(form))?;
    Ok(request.try_into()?)
}

/// Reads the elements of [`READ`] at any depth. Outside of lists, no name appears twice in the
/// replies that are read here.
pub(super) fn reply<O: DeserializeOwned>(response: &HttpResponse) -> Result<O, Unwanted> {
    let texts = texts(response.body().bytes().unwrap_or_default());
    if response.status().is_success() {
        let read = texts.and_then(|texts| Ok(serde_json::from_value(Value::Object(texts))?));
        return read.map_err(Unwanted::Unreadable);
    }
    let texts = texts.unwrap_or_default();
    let text = |name: &str| texts.get(name).and_then(Value::as_str);
    let mut error = ErrorMetadata::builder();
    if let Some(code) = text("Code") {
        error = error.code(code);
    }
    if let Some(message) = text("Message") {
        error = error.message(message);
    }
    Err(Unwanted::Error(ErrorReply(error.build())))
}

fn texts(xml: &[u8]) -> Result<Map<String, Value>, BoxError> {
    let mut texts = Map::new();
    let plain = plain(std::str::from_utf8(xml)?)?;
    let mut document = Document::new(&plain);
    collect(&mut document.root_element()?, &mut texts)?;
    Ok(texts)
}

/// The same document without comments and CDATA sections, which `aws-smithy-xml` does not read: it drops the text of a
/// section, and what follows a comment.
fn plain(mut xml: &str) -> Result<Cow<'_, str>, BoxError> {
    let mut plain = Cow::default();
    while let Some(start) = ["<!--", "<![CDATA["].iter().filter_map(|start| xml.find(start)).min() {
        let (before, special) = xml.split_at(start);
        plain += before;
        let (end, is_comment) = if special.starts_with("<!--") { ("-->", true) } else { ("]]>", false) };
        let (inner, rest) = special.split_once(end).ok_or("a comment or a CDATA section does not end")?;
        if !is_comment {
            plain += Cow::from(inner["<![CDATA[".len()..].replace('&', "&amp;").replace('<', "&lt;"));
        }
        xml = rest;
    }
    Ok(plain + xml)
}

fn collect(element: &mut ScopedDecoder<'_, '_>, texts: &mut Map<String, Value>) -> Result<(), XmlDecodeError> {
    let name = element.start_el().local().to_owned();
    if READ.contains(&name.as_str()) {
        let text = try_data(element)?.into_owned();
        texts.insert(name, Value::String(text));
        return Ok(());
    }
    let mut item = Map::new();
    let is_item = name == ITEM;
    while let Some(mut child) = element.next_tag() {
        collect(&mut child, if is_item { &mut item } else { texts })?;
    }
    if is_item && let Value::Array(items) = texts.entry(name).or_insert_with(|| Value::Array(Vec::new())) {
        items.push(Value::Object(item));
    }
    Ok(())
}

const READ: [&str; 13] = [
    "Code",
    "Key",
    "LastUpdatedTime",
    "LastUpdatedTimestamp",
    "LogicalResourceId",
    "Message",
    "NextToken",
    "PhysicalResourceId",
    "ResourceStatus",
    "ResourceType",
    "StackId",
    "StackStatus",
    "Value",
];
/// An item of a list.
const ITEM: &str = "member";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_read_at_any_depth_and_unescaped() {
        let xml = b"<?xml version=\"1.0\"?><A xmlns=\"x\"><B><ResourceStatus>CREATE_IN_PROGRESS</ResourceStatus>\
            <C/><PhysicalResourceId>a|b &amp; c</PhysicalResourceId></B></A>";
        let texts = texts(xml).unwrap();
        assert_eq!(texts["ResourceStatus"], "CREATE_IN_PROGRESS");
        assert_eq!(texts["PhysicalResourceId"], "a|b & c");
        assert_eq!(texts.len(), 2);
    }

    #[test]
    fn the_items_of_a_list_are_read_one_by_one() {
        let xml = b"<A><B><member><StackId>s</StackId></member><member><StackId>t</StackId></member></B></A>";
        assert_eq!(texts(xml).unwrap()["member"], serde_json::json!([{"StackId": "s"}, {"StackId": "t"}]));
    }

    #[test]
    fn text_in_cdata_and_around_a_comment_is_read() {
        for (xml, message) in [
            ("<![CDATA[a < b && c]]>", "a < b && c"),
            ("<![CDATA[<!-- no comment -->]]> and <![CDATA[more]]>", "<!-- no comment --> and more"),
            ("<![CDATA[]]>", ""),
            ("before<!-- <Message>other</Message> <![CDATA[ -->after", "beforeafter"),
            ("&lt;!-- text --&gt;", "<!-- text -->"),
        ] {
            let xml = format!("<!-- first --><E><Message>{xml}</Message><Code>C</Code></E>");
            let texts = texts(xml.as_bytes()).unwrap();
            assert_eq!((&texts["Message"], &texts["Code"]), (&message.into(), &"C".into()), "{xml}");
        }
    }

    #[test]
    fn a_body_that_is_not_xml_is_an_error() {
        for body in [&b""[..], b"{}", b"\xff", b"<html", b"<A><!-- </A>", b"<A><![CDATA[</A>"] {
            assert!(texts(body).is_err(), "{body:?}");
        }
        assert!(texts(b"<html></html>").unwrap().is_empty());
    }
}
