//! The only module that talks to AWS: SDK types in, ours out.

mod application_auto_scaling;
mod attached;
mod cloudformation;
pub mod json;
mod parameter_store;
mod query;
mod sagemaker;
mod whole_target;

use aws_sdk_applicationautoscaling as autoscaling;
use aws_smithy_runtime_api::client::http::{SharedHttpConnector, http_client_fn};
use aws_types::SdkConfig;
use http::Uri;

pub use application_auto_scaling::{RegisterError, Registered};
pub use cloudformation::{DescribeStackResource, StackResource};
pub use parameter_store::Parameter;
pub use sagemaker::{
    ConfiguredVariant, DescribeEndpoint, DescribeEndpointConfig, DescribeEndpointConfigOutput, DescribeEndpointOutput,
    DescribeInferenceComponent, DescribeInferenceComponentOutput, Endpoint, InferenceComponent,
    ProductionVariantSummary,
};

use crate::deadline::Deadline;
use crate::progress::Progress;
use crate::retry;
use json::JsonClient;

/// Where this function runs: the only place whose endpoints it can scale.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Here {
    /// Such as `us-east-1`.
    pub region: String,
    /// Twelve digits, where known.
    pub account: Option<String>,
}

/// The clients, made once for the life of the process.
#[derive(Clone, Debug)]
pub struct Clients {
    autoscaling: autoscaling::Client,
    autoscaling_as_it_is: JsonClient,
    cloudformation: JsonClient,
    sagemaker: JsonClient,
    ssm: JsonClient,
    region: String,
}

impl Clients {
    /// Makes the clients from what `aws-config` loaded; all of them speak through `http`.
    pub fn new(config: &SdkConfig, http: &SharedHttpConnector) -> Self {
        let http = http.clone();
        let config = config
            .to_builder()
            .http_client(http_client_fn(move |_, _| http.clone()))
            .retry_config(retry::one_attempt())
            .timeout_config(retry::attempt_timeouts())
            .build();
        Self {
            autoscaling: autoscaling::Client::new(&config),
            cloudformation: JsonClient::new(json::CLOUDFORMATION, &config),
            sagemaker: JsonClient::new(json::SAGEMAKER, &config),
            ssm: JsonClient::new(json::SSM, &config),
            autoscaling_as_it_is: JsonClient::new(json::APPLICATION_AUTO_SCALING, &config),
            region: config.region().map(|region| region.as_ref().to_owned()).unwrap_or_default(),
        }
    }

    /// Where the two services are that almost every request calls, as far as that is known.
    pub async fn addresses(&self) -> Vec<Uri> {
        let mut addresses = Vec::new();
        for client in [&self.sagemaker, &self.autoscaling_as_it_is] {
            addresses.extend(client.address().await.ok().and_then(|address| address.parse().ok()));
        }
        addresses
    }

    /// The Region that the clients talk to.
    pub fn region(&self) -> &str {
        &self.region
    }
}

/// AWS as one request sees it: every call is tried until the request's work deadline.
#[derive(Debug)]
pub struct Aws<'a> {
    clients: &'a Clients,
    deadline: &'a Deadline,
    progress: &'a Progress,
}

impl<'a> Aws<'a> {
    /// AWS for one request.
    pub fn new(clients: &'a Clients, deadline: &'a Deadline, progress: &'a Progress) -> Self {
        Self { clients, deadline, progress }
    }

    /// The time left for work.
    pub fn left_to_work(&self) -> std::time::Duration {
        self.deadline.left_to_work()
    }

    /// What time it is, by the clock that requests are dated by.
    pub fn now(&self) -> std::time::SystemTime {
        self.deadline.now()
    }

    /// How far the request has come.
    pub(crate) fn progress(&self) -> &Progress {
        self.progress
    }
}
