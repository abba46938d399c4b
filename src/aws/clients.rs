//! The clients of all services, made once for the process ([`Clients`]), and as one request uses them ([`Aws`]).

use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_sdk_applicationautoscaling as autoscaling;
use aws_smithy_runtime_api::client::http::{SharedHttpConnector, http_client_fn};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::sdk_config::Builder;
use http::Uri;
use tokio::time::sleep;

use super::pace::Pace;
use super::protocol::{APPLICATION_AUTO_SCALING, CLOUDFORMATION, LAMBDA, SAGEMAKER, SSM, Service};
use super::service_client::{SdkTransport, ServiceClient, Transport};
use crate::deadline::Deadline;
use crate::observability::Progress;
use crate::request::SentRequest;
use crate::timing::{ATTEMPT_TIMEOUT, VISIBLE_WITHIN};

/// The clients, made once for the life of the process.
#[derive(Clone, Debug)]
pub struct Clients {
    pub(super) autoscaling: autoscaling::Client,
    /// For operations whose bodies are JSON: see `application_auto_scaling`.
    pub(super) autoscaling_json: ServiceClient,
    pub(super) cloudformation: ServiceClient,
    pub(super) lambda: ServiceClient,
    pub(super) sagemaker: ServiceClient,
    pub(super) ssm: ServiceClient,
    config: SdkConfig,
}

impl Clients {
    /// Makes the clients from the configuration that `aws-config` loaded. All of them use `http`.
    pub fn new(config: &SdkConfig, http: &SharedHttpConnector) -> Self {
        let http = http.clone();
        let config = single_attempts(config.to_builder()).http_client(http_client_fn(move |_, _| http.clone())).build();
        let transport = |service| SdkTransport::new(service, &config);
        let mut of_sdk = autoscaling::config::Builder::from(&config);
        of_sdk.set_endpoint_url(transport(APPLICATION_AUTO_SCALING).configured_address());
        let autoscaling = autoscaling::Client::from_conf(of_sdk.build());
        Self::over(autoscaling, &config, |service| Arc::new(transport(service)))
    }

    /// Makes the clients from the SDK's client of Application Auto Scaling, and a transport for each of the others.
    pub fn over(
        autoscaling: autoscaling::Client,
        config: &SdkConfig,
        transport: impl Fn(Service) -> Arc<dyn Transport>,
    ) -> Self {
        let client = |service| ServiceClient::over(service, transport(service));
        Self {
            autoscaling,
            autoscaling_json: client(APPLICATION_AUTO_SCALING),
            cloudformation: client(CLOUDFORMATION),
            lambda: client(LAMBDA),
            sagemaker: client(SAGEMAKER),
            ssm: client(SSM),
            config: config.clone(),
        }
    }

    /// The origins of the two services that almost every request calls. An unknown origin is left out.
    pub async fn origins(&self) -> Vec<Uri> {
        let address = async |service| SdkTransport::new(service, &self.config).address().await;
        let addresses = [address(SAGEMAKER).await, address(APPLICATION_AUTO_SCALING).await];
        addresses.into_iter().filter_map(|address| address.ok()?.parse().ok()).collect()
    }

    /// The Region of the clients.
    pub fn region(&self) -> &str {
        self.config.region().map(|region| region.as_ref()).unwrap_or_default()
    }
}

/// Lets clients make single attempts with a time limit: `retry.rs` retries.
///
/// All clients sign by the function's own clock, which Lambda sets. The SDK's would follow the `Date` of each reply.
pub fn single_attempts(config: Builder) -> Builder {
    config
        .disable_clock_skew_correction(true)
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_TIMEOUT).build())
}

/// The calls that read. Each is retried until the work deadline.
#[derive(Clone, Copy, Debug)]
pub struct Reads<'a> {
    /// The clients.
    pub clients: &'a Clients,
    /// When to stop.
    pub deadline: &'a Deadline,
    /// Where calls, retries and changes are noted.
    pub progress: &'a Progress,
    /// Spreads the calls of a report over time. `None` for a request, which makes few calls.
    pub pace: Option<&'a Pace>,
}

/// All calls, as one request uses them: those that read, and those that act for it.
#[derive(Clone, Copy, Debug)]
pub struct Aws<'a> {
    /// The calls that read.
    pub reads: Reads<'a>,
    /// The request.
    pub request: SentRequest<'a>,
}

impl<'a> Deref for Aws<'a> {
    type Target = Reads<'a>;

    fn deref(&self) -> &Self::Target {
        &self.reads
    }
}

impl Reads<'_> {
    /// The time left for work.
    pub fn left_to_work(&self) -> Duration {
        self.deadline.left_to_work()
    }

    /// The time now, by the clock that dates requests.
    pub fn now(&self) -> SystemTime {
        self.deadline.now()
    }
}

impl Aws<'_> {
    /// Waits until every read shows what earlier requests have changed: they did so before CloudFormation sent this one. So
    /// did the invocation that has handed over to this one, before it did so.
    pub async fn earlier_changes_visible(&self) {
        let SentRequest { age, follows_change, .. } = &self.request;
        let since = if *follows_change { age.in_this_invocation() } else { age.elapsed() };
        sleep(VISIBLE_WITHIN.saturating_sub(since)).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
    use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
    use aws_smithy_types::body::SdkBody;
    use aws_types::region::Region;
    use serde_json::{Value, json};

    use super::*;
    use crate::aws::operation::Operation;

    /// Replies from another time, and keeps the times by which the requests were signed.
    #[derive(Clone, Debug, Default)]
    struct AnotherTime(Arc<Mutex<Vec<String>>>);

    impl HttpConnector for AnotherTime {
        fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
            let signed = request.headers().get("x-amz-date").unwrap_or_default().to_owned();
            self.0.lock().unwrap().push(signed);
            let mut reply = HttpResponse::new(200.try_into().unwrap(), SdkBody::from("{}"));
            reply.headers_mut().insert("date", "Sun, 01 Jan 2017 00:00:00 GMT");
            HttpConnectorFuture::ready(Ok(reply))
        }
    }

    #[tokio::test]
    async fn no_reply_changes_the_clock_that_signs() {
        let credentials = autoscaling::config::Credentials::new("id", "secret", None, None, "test");
        let config = SdkConfig::builder()
            .region(Region::new("us-east-1"))
            .credentials_provider(autoscaling::config::SharedCredentialsProvider::new(credentials))
            .behavior_version(autoscaling::config::BehaviorVersion::latest())
            .build();
        let signed = AnotherTime::default();
        let clients = Clients::new(&config, &SharedHttpConnector::new(signed.clone()));
        for _ in 0..2 {
            clients.autoscaling.list_tags_for_resource().resource_arn("arn").send().await.unwrap();
            let called: Result<Value, _> =
                clients.autoscaling_json.call(Operation::DescribeScalableTargets, json!({})).await;
            called.unwrap();
        }
        let times = signed.0.lock().unwrap();
        assert_eq!(times.len(), 4);
        assert!(times.iter().all(|time| time.starts_with("20") && !time.starts_with("2017")), "{times:?}");
    }
}
