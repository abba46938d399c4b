//! `Custom::SageMakerEndpointUpdateGate`: lets an endpoint be updated while it scales.
//!
//! It stands before the endpoint, whose configuration passes through it. SageMaker refuses an update that gives another
//! instance type to a variant which is a scalable target, or that removes it:
//! <https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-scaling-update.html>. So the gate takes such targets down
//! before, and brings them back after. `docs/UPDATES.md` tells the story; the rules:
//!
//! 1. Create or Update to a configuration that the endpoint does not run: the targets of variants that it drops or gives
//!    another instance type are parked and deregistered, whoever registered them. Then it waits until the endpoint is
//!    not changing.
//! 2. Create or Update to the one that it runs: what is parked is brought back.
//! 3. Delete, which CloudFormation sends for the old id when all else has settled: what is parked is brought back for
//!    variants that the endpoint has, and forgotten for the rest.

mod decide;
mod lifecycle;
mod properties;

pub use decide::Refusal;
pub(crate) use decide::is_displaced;
pub use lifecycle::carry_out;
pub use properties::read;
