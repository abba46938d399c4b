//! The function: the public parts and the names that tests use, and the state that a process keeps.
//!
//! Beside `tests/properties/checks`, which the fuzz targets share, this is the only place in `tests/` that imports
//! from `sagemaker_scaling`.

use aws_sdk_applicationautoscaling::config::{
    BehaviorVersion, Credentials, Region, SharedAsyncSleep, SharedCredentialsProvider,
};
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use aws_types::SdkConfig;
pub use sagemaker_scaling::answer::MAX_BODY_BYTES;
pub use sagemaker_scaling::aws::json::{APPLICATION_AUTO_SCALING, CLOUDFORMATION, JsonClient, SAGEMAKER, SSM, Service};
pub use sagemaker_scaling::aws::{Clients, Here};
pub use sagemaker_scaling::deadline::Deadline;
pub use sagemaker_scaling::deliver::Attempt;
pub use sagemaker_scaling::envelope::{Envelope, NoReplyAddress};
pub use sagemaker_scaling::handler::{Services, Unanswered, handle};
pub use sagemaker_scaling::metrics::{METRICS, NAMESPACE};
pub use sagemaker_scaling::scalable_target::{Desired, inputs};
pub use sagemaker_scaling::{logs, transport};

use crate::secrets::{ACCESS_KEY_ID, SECRET_KEY, SESSION_TOKEN};

/// The account of the function and of its endpoints.
pub const ACCOUNT: &str = "111122223333";
/// The Region of the function and of its endpoints.
pub const REGION: &str = "us-east-1";
/// The function.
pub const FUNCTION_ARN: &str = "arn:aws:lambda:us-east-1:111122223333:function:sagemaker-scaling";

/// The folder of the snapshots in Parameter Store.
pub const SNAPSHOTS: &str = "/sagemaker-scaling/parked";
/// The tag of a target that is being restored.
pub const RESTORING_TAG: &str = "sagemaker-scaling:returning";
/// The tag that names the stack that owns a target.
pub const STACK_ID_TAG: &str = "sagemaker-scaling:stack-id";
/// The tag that names the resource that owns a target.
pub const LOGICAL_ID_TAG: &str = "sagemaker-scaling:logical-id";
/// The tag of a target that was adopted.
pub const ADOPTED_TAG: &str = "sagemaker-scaling:adopted";

/// The field of the summary that counts snapshots.
pub const SNAPSHOTTED: &str = "parked";
/// The field of the summary that counts restored targets.
pub const RESTORED: &str = "brought_back";
/// The decision to register a target again that the resource owns.
pub const UPDATE_DECISION: &str = "Renew";
/// The decision to take a snapshot of a target and deregister it.
pub const SNAPSHOT_DECISION: &str = "Park";
/// The decision to restore a target.
pub const RESTORE_DECISION: &str = "BringBack";

/// The connector that is shipped.
pub fn shipped_connector() -> SharedHttpConnector {
    transport::client(transport::Roots::bundled()).0
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
