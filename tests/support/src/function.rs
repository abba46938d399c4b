//! The function: the public parts and the names that tests use, and the state that a process keeps.
//!
//! Beside `tests/random_inputs/checks`, which the fuzz targets share, this is the only place in `tests/` that imports
//! from `sagemaker_scaling`.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_applicationautoscaling as autoscaling;
use aws_sdk_applicationautoscaling::config::{
    BehaviorVersion, Credentials, Region, SharedAsyncSleep, SharedCredentialsProvider, StalledStreamProtectionConfig,
};
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_runtime_api::client::http::{HttpConnector as _, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use sagemaker_scaling::aws::operation::Operation;
pub use sagemaker_scaling::aws::protocol::{APPLICATION_AUTO_SCALING, CLOUDFORMATION, LAMBDA, SAGEMAKER, SSM, Service};
pub use sagemaker_scaling::aws::service_client::SdkTransport;
use sagemaker_scaling::aws::service_client::{Sending, Transport};
use sagemaker_scaling::aws::single_attempts;
pub use sagemaker_scaling::aws::{
    Aws, AwsError, ChangeError, Clients, Parameter, Precondition, Reads, RegisterError, TargetState,
};
pub use sagemaker_scaling::deadline::Deadline;
pub use sagemaker_scaling::handler::{Services, Unanswered, handle};
use sagemaker_scaling::http::{Roots, client};
pub use sagemaker_scaling::model::{
    Attachment, AttachmentKind, ConfiguredVariant, Endpoint, FunctionArn, Location, Owner, ScalableTargetId, Tags,
    TargetSpec,
};
pub use sagemaker_scaling::observability::Progress;
pub use sagemaker_scaling::observability::log;
pub use sagemaker_scaling::observability::metrics::{
    METRICS, NAMESPACE, OF_FAILED_REPORT, OF_FAILED_SCALING, OF_REPORT,
};
pub use sagemaker_scaling::properties::Desired;
pub use sagemaker_scaling::request::{Envelope, Freshness, InvalidResponseUrl, Lifecycle, NoReplyAddress, SentRequest};
pub use sagemaker_scaling::response::{Attempt, MAX_BODY_BYTES};

use tokio::time::timeout;

use crate::secrets::{ACCESS_KEY_ID, SECRET_KEY, SESSION_TOKEN};

/// The account of the function and of its endpoints.
pub const ACCOUNT: &str = "111122223333";
/// The Region of the function and of its endpoints.
pub const REGION: &str = "us-east-1";
/// The function.
pub const FUNCTION_ARN: &str = "arn:aws:lambda:us-east-1:111122223333:function:sagemaker-scaling";

/// The folder of the snapshots in Parameter Store.
pub const SNAPSHOTS: &str = "/sagemaker-scaling/snapshots";
/// The tag of a target that is being restored.
pub const RESTORING_TAG: &str = "sagemaker-scaling:restoring";
/// The tag that names the stack that owns a target.
pub const STACK_ID_TAG: &str = "sagemaker-scaling:stack-id";
/// The tag that names the resource that owns a target.
pub const LOGICAL_ID_TAG: &str = "sagemaker-scaling:logical-id";
/// The tag of a target that was adopted.
pub const ADOPTED_TAG: &str = "sagemaker-scaling:adopted";
/// The tag that holds what was declared.
pub const DECLARED_TAG: &str = "sagemaker-scaling:declared";
/// The tags that name the resource that a target was taken over from.
pub const FORMER_STACK_ID_TAG: &str = "sagemaker-scaling:former-stack-id";
/// See [`FORMER_STACK_ID_TAG`].
pub const FORMER_LOGICAL_ID_TAG: &str = "sagemaker-scaling:former-logical-id";

/// The field of the summary that counts snapshots.
pub const SNAPSHOTTED: &str = "snapshotted";
/// The field of the summary that counts restored targets.
pub const RESTORED: &str = "restored";
/// The decision to register a target again that the resource owns.
pub const UPDATE_DECISION: &str = "Update";
/// The decision to take a snapshot of a target and deregister it.
pub const SNAPSHOT_DECISION: &str = "Snapshot";
/// The decision to restore a target.
pub const RESTORE_DECISION: &str = "Restore";

/// The connector that is shipped.
pub fn shipped_connector() -> SharedHttpConnector {
    client(Roots::bundled()).0
}

/// What a process keeps from request to request. All its requests go through `http`; its calls to AWS go to `address`,
/// if there is one.
pub fn services(http: SharedHttpConnector, address: Option<&str>) -> Services {
    let credentials = Credentials::new(ACCESS_KEY_ID, SECRET_KEY, Some(SESSION_TOKEN.into()), None, "test");
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static(REGION))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()));
    config.set_endpoint_url(address.map(str::to_owned));
    Services { aws: Clients::new(&config.build(), &http), http, connections: None }
}

/// The same for simulations: calls are not signed, and most of them do not go through the SDK's runtime.
///
/// That takes most of the time of a call that no network carries. The other suites send calls as they are shipped.
pub fn bare_services(http: SharedHttpConnector) -> Services {
    let config = single_attempts(SdkConfig::builder())
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static(REGION))
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .build();
    let connector = http.clone();
    let autoscaling = autoscaling::config::Builder::from(&config)
        .http_client(http_client_fn(move |_, _| connector.clone()))
        .allow_no_auth()
        .endpoint_url("http://bare")
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    let limit = config.timeout_config().and_then(TimeoutConfig::operation_attempt_timeout).expect("a time limit");
    let transport = Arc::new(Bare { http: http.clone(), limit });
    let autoscaling = autoscaling::Client::from_conf(autoscaling.build());
    Services { aws: Clients::over(autoscaling, &config, |_| transport.clone()), http, connections: None }
}

/// Passes requests to a connector as they are.
#[derive(Debug)]
struct Bare {
    http: SharedHttpConnector,
    limit: Duration,
}

impl Transport for Bare {
    fn send(&self, _operation: Operation, request: HttpRequest) -> Sending<'_> {
        let reply = timeout(self.limit, self.http.call(request));
        Box::pin(async move {
            match reply.await {
                Ok(reply) => reply.map_err(SdkError::dispatch_failure),
                Err(elapsed) => Err(SdkError::timeout_error(elapsed)),
            }
        })
    }
}
