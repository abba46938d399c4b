//! Compares the requests of both clients.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_sagemaker::config::interceptors::BeforeTransmitInterceptorContextMut;
use aws_sdk_sagemaker::config::{Builder, ConfigBag, Intercept, RuntimeComponents};
use aws_smithy_http_client::test_util::{NeverClient, StaticReplayClient};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::{SharedHttpConnector, http_client_fn};
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;
use sagemaker_scaling::aws::single_attempts;

use crate::clients::{NAME, Outcome, Sent, config, official, official_with, ours, outcomes, sent};

/// Headers that the service ignores and that are not signed: the sender, a random id, and the count of attempts.
const UNSIGNED: [&str; 3] = ["amz-sdk-invocation-id", "amz-sdk-request", "user-agent"];

/// Sets the official client's name to ours, because this one header about the sender is signed.
#[derive(Debug)]
struct Disguise(String);

impl Intercept for Disguise {
    fn name(&self) -> &'static str {
        "Disguise"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        context.request_mut().headers_mut().insert("x-amz-user-agent", self.0.clone());
        Ok(())
    }
}

/// Asserts that both clients send the same request with the same signature.
async fn assert_the_same(config: &SdkConfig, name: &str) -> Sent {
    let mut ours = sent(config, async |config| ours(config, name).await).await.expect("ours sends it");
    let disguise = Disguise(ours.headers["x-amz-user-agent"].concat());
    let mut official =
        sent(config, async |config| official_with(Builder::from(config).interceptor(disguise), name).await)
            .await
            .expect("the official one sends it");
    for header in UNSIGNED {
        ours.headers.remove(header);
        official.headers.remove(header);
    }
    assert_eq!(ours, official);
    ours
}

#[tokio::test]
async fn a_request_is_the_official_one_in_every_signed_byte() {
    let sent = assert_the_same(&config(NeverClient::new()).build(), NAME).await;

    // The comparison above must not compare nothing.
    assert_eq!((sent.method.as_str(), sent.body.as_str()), ("POST", r#"{"EndpointName":"an-endpoint"}"#));
    assert_eq!(sent.uri, "https://api.sagemaker.us-east-1.amazonaws.com/");
    let [authorization] = sent.headers["authorization"].as_slice() else { panic!("it is signed once") };
    assert!(authorization.contains("/20250615/us-east-1/sagemaker/aws4_request,"), "{authorization}");
    let names: Vec<_> = sent.headers.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "authorization",
            "content-length",
            "content-type",
            "x-amz-date",
            "x-amz-security-token",
            "x-amz-target",
            "x-amz-user-agent",
        ]
    );
}

#[tokio::test]
async fn any_name_is_written_the_same_way() {
    for name in
        ["", "a", "-", "a b", r#"quo"te"#, r"back\slash", "sl/ash", "\n\t\u{8}\u{c}\r\u{1}\u{7f}", "é", "日本", "😀"]
    {
        assert_the_same(&config(NeverClient::new()).build(), name).await;
    }
}

#[tokio::test]
async fn any_region_is_signed_for_the_same_way() {
    for region in
        ["us-west-2", "cn-north-1", "us-gov-west-1", "us-iso-east-1", "eusc-de-east-1", "mars-1", "aws-global"]
    {
        for (fips, dual_stack) in [(false, false), (true, false), (false, true), (true, true)] {
            let config = config(NeverClient::new())
                .region(Region::new(region))
                .use_fips(fips)
                .use_dual_stack(dual_stack)
                .build();
            assert_the_same(&config, NAME).await;
        }
    }
}

#[tokio::test]
async fn any_address_is_used_the_same_way() {
    for address in [
        "http://localhost:4566",
        "http://localhost:4566/",
        "http://localhost:4566/a/path",
        "http://localhost:4566/a/path/",
        "http://localhost:4566/sp%20ace",
        "http://localhost:4566/from/../to",
        "http://localhost:4566/?query=1",
        "https://localhost:443",
        "http://[::1]:8080",
        "HTTP://LOCALHOST:80",
    ] {
        assert_the_same(&config(NeverClient::new()).endpoint_url(address).build(), NAME).await;
    }
}

#[tokio::test]
async fn credentials_without_a_session_are_used_the_same_way() {
    let credentials = SharedCredentialsProvider::new(Credentials::new("AKIDEXAMPLE", "a secret", None, None, "oracle"));
    let config = config(NeverClient::new()).credentials_provider(credentials).build();
    assert!(!assert_the_same(&config, NAME).await.headers.contains_key("x-amz-security-token"));
}

#[tokio::test]
async fn what_cannot_be_sent_fails_the_same_way() {
    let complete = config(NeverClient::new()).build();
    let mut without_region = complete.to_builder();
    without_region.set_region(None);
    let mut without_both = complete.to_builder().endpoint_url("http://localhost:4566");
    without_both.set_region(None);
    let mut without_credentials = complete.to_builder();
    without_credentials.set_credentials_provider(None);
    // Without an address, our client does not begin. Neither kind of error is retried.
    for (config, kinds) in [
        (without_region, ["construction", "dispatch"]),
        (without_both, ["dispatch", "dispatch"]),
        (without_credentials, ["construction", "dispatch"]),
        (complete.to_builder().endpoint_url("http://localhost:4566").use_fips(true), ["construction", "dispatch"]),
        (complete.to_builder().endpoint_url("not an address"), ["dispatch", "dispatch"]),
    ] {
        let config = config.build();
        let failed = |kind| Outcome::Failed { kind, status: None, code: None, message: None };
        assert_eq!(outcomes(&config).await, kinds.map(failed), "{config:?}");
    }
}

#[tokio::test]
async fn headers_tell_the_clients_apart_only_where_they_say_who_sends() {
    let config = config(NeverClient::new()).build();
    let ours = sent(&config, async |config| ours(config, NAME).await).await.expect("ours sends it").headers;
    let official = sent(&config, async |config| official(config, NAME).await).await.expect("so does theirs").headers;
    let names: BTreeSet<_> = ours.keys().chain(official.keys()).map(String::as_str).collect();
    let different: Vec<_> = names.into_iter().filter(|name| ours.get(*name) != official.get(*name)).collect();
    assert_eq!(
        different,
        ["amz-sdk-invocation-id", "amz-sdk-request", "authorization", "user-agent", "x-amz-user-agent"]
    );
    assert!(!ours.contains_key("amz-sdk-request"), "one call is one attempt");
}

#[tokio::test]
async fn in_lambda_both_pass_the_trace_on() {
    // Both clients read the environment of their process, so this test starts itself in another process.
    const TRACE: (&str, &str) = ("_X_AMZN_TRACE_ID", "Root=1-5759e988-bd862e3fe1be46a994272793");
    if std::env::var_os(TRACE.0).is_none() {
        let child = Command::new(std::env::current_exe().expect("it runs"))
            .args(["--exact", "requests::in_lambda_both_pass_the_trace_on"])
            .envs([("AWS_LAMBDA_FUNCTION_NAME", "a-function"), TRACE])
            .output()
            .expect("it starts");
        assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
        return;
    }
    let config = config(NeverClient::new()).build();
    let ours = sent(&config, async |config| ours(config, NAME).await).await.expect("ours sends it").headers;
    let official = sent(&config, async |config| official(config, NAME).await).await.expect("so does theirs").headers;
    assert_eq!(ours["x-amzn-trace-id"], [TRACE.1]);
    assert_eq!(official["x-amzn-trace-id"], [TRACE.1]);
}

#[tokio::test]
async fn the_transport_is_given_the_same_timeouts() {
    for timeouts in [
        TimeoutConfig::disabled(),
        TimeoutConfig::builder().connect_timeout(Duration::from_secs(1)).build(),
        TimeoutConfig::builder().read_timeout(Duration::from_secs(2)).build(),
        single_attempts(SdkConfig::builder()).build().timeout_config().expect("a time limit").clone(),
    ] {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let http = http_client_fn({
            let seen = Arc::clone(&seen);
            move |settings, _| {
                let both = (settings.connect_timeout(), settings.read_timeout());
                seen.lock().expect("no panic while it is locked").push(both);
                SharedHttpConnector::new(StaticReplayClient::new(Vec::new()))
            }
        });
        outcomes(&config(http).timeout_config(timeouts).build()).await;
        let seen = seen.lock().expect("no panic while it is locked");
        let [ours, official] = seen.as_slice() else { panic!("there are two calls: {seen:?}") };
        assert_eq!(ours, official);
    }
}
