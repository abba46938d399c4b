//! A model of the operations of Application Auto Scaling, SageMaker, CloudFormation and Systems Manager Parameter Store
//! that the function calls.
//!
//! [`LocalAws`] is a state machine without clock, I/O or randomness. The caller passes the time of each call, so tests
//! and simulations run it in virtual time, and clone it to try several continuations. [`server`] serves it over HTTP in
//! the services' protocol, for the AWS CLI, boto3 and the SDKs.
//!
//! Each rule of a service cites its source, or a row of `docs/BELIEFS.md` by its id. Most of these rows are about texts of error
//! messages. Verify a belief on AWS before you depend on it: `make conformance`.
//!
//! * `protocol` reads inputs and makes errors and pages.
//! * `state` holds everything that the services store.
//! * `application_auto_scaling`, `sagemaker`, `parameter_store` and `cloudformation` are the operations; `test_controls` are operations
//!   that AWS does not have, for tests.
//! * `dispatch` passes each call to its operation.

mod application_auto_scaling;
mod cloudformation;
mod dispatch;
mod parameter_store;
mod protocol;
mod sagemaker;
pub mod server;
mod state;
mod test_controls;
#[cfg(test)]
mod testing;

pub use crate::application_auto_scaling::Registered;
pub use crate::protocol::fault::Fault;
pub use crate::protocol::query;
pub use crate::state::endpoint::EndpointStatus;
pub use crate::state::{Call, LocalAws};
