//! The two clients side by side: the same input, and the results of each.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_sagemaker as official;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::StaticTimeSource;
use aws_smithy_http_client::test_util::infallible_client_fn;
use aws_smithy_runtime_api::client::http::HttpClient;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::SdkConfig;
use aws_types::region::Region;
use sagemaker_scaling::aws::service_client::ServiceClient;
use sagemaker_scaling::aws::operation::Operation;
use sagemaker_scaling::aws::protocol::SAGEMAKER;
use sagemaker_scaling::aws::{
    DescribeEndpointOutput, ProductionVariantManagedInstanceScaling, ProductionVariantSummary, single_attempts,
};
use serde::de::IgnoredAny;
use serde_json::json;

/// The endpoint of the calls in which its name does not matter.
pub(crate) const NAME: &str = "an-endpoint";

/// The time on the clocks of both clients.
pub(crate) fn now() -> StaticTimeSource {
    StaticTimeSource::from_secs(1_750_000_000)
}

/// The settings of both clients, which are those of the function.
pub(crate) fn config(http: impl HttpClient + 'static) -> aws_types::sdk_config::Builder {
    let credentials = Credentials::new("AKIDEXAMPLE", "a secret", Some("a session".to_owned()), None, "oracle");
    let config = SdkConfig::builder()
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(http)
        .region(Region::from_static("us-east-1"))
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .time_source(now());
    single_attempts(config)
}

/// The result of a call, for its caller.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    /// The members of the output that our client reads.
    Read(DescribeEndpointOutput),
    /// The error: its kind of `SdkError`, the reply's status, the service's code and its message.
    Failed {
        /// The kind of `SdkError`.
        kind: &'static str,
        /// The status of the reply, if one came.
        status: Option<u16>,
        /// The error's code.
        code: Option<String>,
        /// The error's message.
        message: Option<String>,
    },
}

impl Outcome {
    fn failed<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Self {
        let kind = match error {
            SdkError::ConstructionFailure(_) => "construction",
            SdkError::TimeoutError(_) => "timeout",
            SdkError::DispatchFailure(failure) if failure.is_io() => "dispatch: i/o",
            SdkError::DispatchFailure(failure) if failure.is_timeout() => "dispatch: timeout",
            SdkError::DispatchFailure(failure) if failure.is_user() => "dispatch: user",
            SdkError::DispatchFailure(_) => "dispatch",
            SdkError::ResponseError(_) => "response",
            SdkError::ServiceError(_) => "service",
            _ => "unknown",
        };
        Self::Failed {
            kind,
            status: error.raw_response().map(|response| response.status().as_u16()),
            code: error.code().map(str::to_owned),
            message: error.message().map(str::to_owned),
        }
    }
}

/// Describes an endpoint with our client.
pub(crate) async fn ours(config: &SdkConfig, name: &str) -> Outcome {
    let input = json!({ "EndpointName": name });
    match ServiceClient::new(SAGEMAKER, config).call(Operation::DescribeEndpoint, input).await {
        Ok(output) => Outcome::Read(output),
        Err(error) => Outcome::failed(&error),
    }
}

/// Describes an endpoint with the official client.
pub(crate) async fn official(config: &SdkConfig, name: &str) -> Outcome {
    official_with(official::config::Builder::from(config), name).await
}

/// Describes an endpoint with the official client and settings that only it has.
pub(crate) async fn official_with(config: official::config::Builder, name: &str) -> Outcome {
    let client = official::Client::from_conf(config.build());
    match client.describe_endpoint().endpoint_name(name).send().await {
        Ok(output) => {
            let variant = |variant: &official::types::ProductionVariantSummary| ProductionVariantSummary {
                variant_name: variant.variant_name().unwrap_or_default().to_owned(),
                managed_instance_scaling: variant.managed_instance_scaling().map(|managed| ProductionVariantManagedInstanceScaling {
                    status: managed.status().map(|status| status.as_str().to_owned()),
                }),
            };
            Outcome::Read(DescribeEndpointOutput {
                endpoint_name: output.endpoint_name().unwrap_or_default().to_owned(),
                endpoint_config_name: output.endpoint_config_name().unwrap_or_default().to_owned(),
                endpoint_status: output.endpoint_status().map(|status| status.as_str().to_owned()).unwrap_or_default(),
                failure_reason: output.failure_reason().map(str::to_owned),
                production_variants: output.production_variants.as_deref().map(|all| all.iter().map(variant).collect()),
                async_inference_config: output.async_inference_config().map(|_| IgnoredAny),
            })
        }
        Err(error) => Outcome::failed(&error),
    }
}

/// A request, as the service gets it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sent {
    /// The method.
    pub(crate) method: String,
    /// The whole address.
    pub(crate) uri: String,
    /// All values of all headers.
    pub(crate) headers: BTreeMap<String, Vec<String>>,
    /// The body.
    pub(crate) body: String,
}

/// The request of a call, or the call's result if it sends nothing.
pub(crate) async fn sent(config: &SdkConfig, call: impl AsyncFnOnce(&SdkConfig) -> Outcome) -> Result<Sent, Outcome> {
    let slot = Arc::new(Mutex::new(None));
    let http = infallible_client_fn({
        let slot = Arc::clone(&slot);
        move |request| {
            let mut headers = BTreeMap::<_, Vec<_>>::new();
            for (name, value) in request.headers() {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                headers.entry(name.to_string()).or_default().push(value);
            }
            let body = request.body().bytes().expect("the body is in memory");
            *slot.lock().expect("no panic while it is locked") = Some(Sent {
                method: request.method().to_string(),
                uri: request.uri().to_string(),
                headers,
                body: String::from_utf8(body.to_vec()).expect("JSON is UTF-8"),
            });
            http::Response::new(r#"{"EndpointStatus":"InService"}"#)
        }
    });
    let outcome = call(&config.to_builder().http_client(http).build()).await;
    let sent = slot.lock().expect("no panic while it is locked").take();
    sent.ok_or(outcome)
}

/// A reply of the service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reply {
    /// The status.
    pub(crate) status: u16,
    /// The headers.
    pub(crate) headers: &'static [(&'static str, &'static str)],
    /// The body.
    pub(crate) body: &'static [u8],
}

impl Reply {
    /// The results of both clients: ours first.
    pub(crate) async fn read(self) -> [Outcome; 2] {
        let http = infallible_client_fn(move |_| {
            let mut response = http::Response::builder().status(self.status);
            for (name, value) in self.headers {
                response = response.header(*name, *value);
            }
            response.body(SdkBody::from(self.body)).expect("it is a valid response")
        });
        outcomes(&config(http).build()).await
    }
}

/// The results of a call with both clients: ours first.
pub(crate) async fn outcomes(config: &SdkConfig) -> [Outcome; 2] {
    [ours(config, NAME).await, official(config, NAME).await]
}
