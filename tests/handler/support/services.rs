//! The function as a process keeps it, with credentials that nobody else has.

use aws_sdk_applicationautoscaling::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use aws_types::SdkConfig;
use sagemaker_scaling::aws::Clients;
use sagemaker_scaling::handler::Services;

pub(crate) const ACCOUNT: &str = "111122223333";
pub(crate) const REGION: &str = "us-east-1";
pub(crate) const SECRET_KEY: &str = "canary-secret-access-key";
pub(crate) const SESSION_TOKEN: &str = "canary-session-token";

/// What the function is made of, with everything that leaves it going through `http`.
pub(crate) fn services(http: SharedHttpConnector, address: Option<&str>) -> Services {
    let credentials = Credentials::new("AKIAIOSFODNN7EXAMPLE", SECRET_KEY, Some(SESSION_TOKEN.into()), None, "test");
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static(REGION))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .sleep_impl(aws_sdk_applicationautoscaling::config::SharedAsyncSleep::new(
            aws_smithy_async::rt::sleep::TokioSleep::new(),
        ));
    config.set_endpoint_url(address.map(str::to_owned));
    Services { aws: Clients::new(&config.build(), &http), http, connections: None }
}
