#!/bin/sh
# The custom-resource request of aws_lambda_events takes any type for its properties, except text that is kept as it came.
#
# Guess: with `Box<RawValue>` as the type of the properties, a request is read and its properties keep their exact text, as
#        they do in a plain struct.
# Seen:  no request can be read. The type is an internally tagged enum: serde reads the whole request into values of its
#        own first, to find `RequestType`, and the text is gone by then.
# So:    take `Box<RawValue>` as the whole event, and read the properties from it.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/src"
cat > "$folder/Cargo.toml" <<'TOML'
[package]
name = "finding"
version = "0.0.0"
edition = "2024"
[dependencies]
aws_lambda_events = { version = "=1.2.1", default-features = false, features = ["cloudformation"] }
serde = { version = "=1.0.229", features = ["derive"] }
serde_json = { version = "=1.0.154", features = ["raw_value"] }
TOML
cat > "$folder/src/main.rs" <<'RUST'
use aws_lambda_events::cloudformation::CloudFormationCustomResourceRequest as Request;
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Plain {
    resource_properties: Box<RawValue>,
}

const CREATE: &str = r#"{
    "RequestType": "Create",
    "RequestId": "r",
    "ResponseURL": "https://example.com/answer",
    "ResourceType": "Custom::Thing",
    "LogicalResourceId": "Thing",
    "StackId": "arn:aws:cloudformation:us-east-1:111122223333:stack/s/id",
    "ServiceToken": "arn:aws:lambda:us-east-1:111122223333:function:f",
    "ResourceProperties": { "Limit": "1" }
}"#;

fn main() {
    assert!(serde_json::from_str::<Request<Value, Value>>(CREATE).is_ok());
    let plain: Plain = serde_json::from_str(CREATE).unwrap();
    println!("a plain struct: {}", plain.resource_properties);
    let error = serde_json::from_str::<Request<Box<RawValue>, Box<RawValue>>>(CREATE).err().expect("it can be read");
    println!("aws_lambda_events 1.2.1: {error}");
    assert!(error.to_string().contains("invalid type: newtype struct"));
}
RUST
CARGO_TARGET_DIR="$folder/target" cargo run --quiet --manifest-path "$folder/Cargo.toml"
