//! Compares how both clients read successful replies.

use crate::clients::{Outcome, Reply};

const OK: Reply = Reply { status: 200, headers: &[], body: b"" };

/// A reply that is no error and that cannot be read.
const UNREADABLE: Outcome = Outcome::Failed { kind: "response", status: Some(200), code: None, message: None };

/// The official client's value for a missing status.
const NO_STATUS: &str = "no value was set";

const IN_SERVICE: &[u8] = br#"{
    "EndpointName": "an-endpoint",
    "EndpointArn": "arn:aws:sagemaker:us-east-1:111122223333:endpoint/an-endpoint",
    "EndpointConfigName": "a-config",
    "ProductionVariants": [
        {
            "VariantName": "one",
            "DeployedImages": [{"SpecifiedImage": "i:1", "ResolvedImage": "i@sha256:1", "ResolutionTime": 1.75E9}],
            "CurrentWeight": 1.0,
            "DesiredWeight": 1.0,
            "CurrentInstanceCount": 1,
            "DesiredInstanceCount": 1,
            "VariantStatus": [{"Status": "Creating", "StartTime": 1750000000}]
        },
        {"VariantName": "two", "CurrentServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 5}}
    ],
    "EndpointStatus": "InService",
    "CreationTime": 1750000000.123,
    "LastModifiedTime": 1.750000001E9
}"#;

#[tokio::test]
async fn what_matters_is_read_as_the_official_client_reads_it() {
    for body in [
        IN_SERVICE,
        br#"{"EndpointName":"an-endpoint","EndpointStatus":"Creating","CreationTime":1.75E9}"#,
        br#"{"EndpointStatus":"Failed","FailureReason":"no \"luck\" \\ \/ \n \u00e9 \ud83d\ude00 \u0000"}"#,
        br#"{"EndpointStatus":"InService","AsyncInferenceConfig":{"OutputConfig":{"S3OutputPath":"s3://b"}}}"#,
        br#"{"EndpointStatus":"InService","AsyncInferenceConfig":{}}"#,
        br#"{"EndpointStatus":"InService","AsyncInferenceConfig":null,"FailureReason":null,"ProductionVariants":null}"#,
        br#"{"EndpointStatus":"InService","ProductionVariants":[]}"#,
        br#"{"EndpointStatus":"InService","ProductionVariants":[{"VariantName":"one","Novelty":[1]}]}"#,
        br#"{"Novelty":{"A":[1,{"B":null}]},"EndpointStatus":"Levitating"}"#,
        br#"{"EndpointStatus":""}"#,
        b" {\t\"EndpointStatus\"\r\n:  \"InService\" }\n",
    ] {
        let [ours, official] = Reply { body, ..OK }.read().await;
        assert_eq!(ours, official, "{}", body.escape_ascii());
        assert!(matches!(ours, Outcome::Read(_)), "{ours:?} {}", body.escape_ascii());
    }
}

#[tokio::test]
async fn any_status_above_200_is_as_good() {
    for status in [201, 202, 299] {
        let [ours, official] = Reply { status, body: IN_SERVICE, ..OK }.read().await;
        assert_eq!(ours, official, "{status}");
        assert!(matches!(ours, Outcome::Read(_)), "{ours:?} {status}");
    }
}

#[tokio::test]
async fn what_is_in_the_way_of_reading_is_the_same() {
    for body in [
        br#"{"EndpointStatus":"InService""#.as_slice(),
        br#"{"EndpointStatus":"InService",}"#,
        br#"{"EndpointStatus":"InService"} and more"#,
        br#"{"EndpointStatus":"InService"}{}"#,
        br#"{"EndpointStatus":5}"#,
        br#"{"EndpointStatus":"InService","FailureReason":7}"#,
        br#"{"EndpointStatus":"InService","FailureReason":"\ud83d"}"#,
        br#"{"EndpointStatus":"InService","ProductionVariants":{}}"#,
        br#"{"EndpointStatus":"InService","ProductionVariants":"one"}"#,
        br#"{"EndpointStatus":"InService","ProductionVariants":[null]}"#,
        br#"{"EndpointStatus":"InService","ProductionVariants":["one"]}"#,
        b"{\"EndpointStatus\":\"\xff\"}",
        b"\xef\xbb\xbf{\"EndpointStatus\":\"InService\"}",
        b"{",
        b"null",
        b"[]",
        br#""InService""#,
        b"<html></html>",
    ] {
        let both = Reply { body, ..OK }.read().await;
        assert_eq!(both, [UNREADABLE, UNREADABLE], "{}", body.escape_ascii());
    }
}

/// Without it, the function would have to guess. A failed read is retried.
#[tokio::test]
async fn only_ours_insists_on_a_status_and_on_names() {
    for body in [b"".as_slice(), b" ", b"{}", br#"{"EndpointStatus":null}"#, br#"{"endpointStatus":"InService"}"#] {
        let [ours, official] = Reply { body, ..OK }.read().await;
        assert_eq!(ours, UNREADABLE, "{}", body.escape_ascii());
        assert!(matches!(official, Outcome::Read(output) if output.endpoint_status == NO_STATUS));
    }
    for body in [
        br#"{"EndpointStatus":"InService","ProductionVariants":[{}]}"#.as_slice(),
        br#"{"EndpointStatus":"InService","ProductionVariants":[{"VariantName":null}]}"#,
    ] {
        let [ours, official] = Reply { body, ..OK }.read().await;
        assert_eq!(ours, UNREADABLE, "{}", body.escape_ascii());
        assert!(matches!(official, Outcome::Read(output) if output.production_variants.is_some()));
    }
}

#[tokio::test]
async fn only_ours_is_strict_with_control_characters_and_repeated_members() {
    for body in [
        b"{\"EndpointStatus\":\"Failed\",\"FailureReason\":\"two\nlines\"}".as_slice(),
        br#"{"EndpointStatus":"InService","EndpointStatus":"Failed"}"#,
    ] {
        let [ours, official] = Reply { body, ..OK }.read().await;
        assert_eq!(ours, UNREADABLE, "{}", body.escape_ascii());
        assert!(matches!(official, Outcome::Read(output) if output.endpoint_status == "Failed"));
    }
}

#[tokio::test]
async fn only_ours_overlooks_what_does_not_matter() {
    for body in [
        br#"{"EndpointStatus":"InService","CreationTime":"yesterday"}"#.as_slice(),
        br#"{"EndpointStatus":"InService","AsyncInferenceConfig":"yes"}"#,
        br#"{"EndpointStatus":"InService","ProductionVariants":[{"VariantName":"one","DesiredInstanceCount":"1"}]}"#,
    ] {
        let [ours, official] = Reply { body, ..OK }.read().await;
        assert!(matches!(ours, Outcome::Read(output) if output.endpoint_status == "InService"));
        assert_eq!(official, UNREADABLE, "{}", body.escape_ascii());
    }
}
