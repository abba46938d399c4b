//! The calls to AWS. No other module talks to AWS, and each operation exists once.

mod application_auto_scaling;
mod clients;
mod cloudformation;
mod error;
mod invoke;
mod json;
mod lambda;
pub mod operation;
mod pace;
mod parameter_store;
mod precondition;
pub mod protocol;
mod query;
mod retry;
mod sagemaker;
pub mod service_client;

pub use application_auto_scaling::RegisterError;
pub use clients::{Aws, Clients, Reads, single_attempts};
pub use cloudformation::{Stack, StackResource, StackStatus};
pub use error::{AwsError, ChangeError, unless_outdated};
pub use pace::Pace;
pub use parameter_store::Parameter;
pub use precondition::{Precondition, TargetState};
pub use sagemaker::{DescribeEndpointOutput, ProductionVariantManagedInstanceScaling, ProductionVariantSummary};
