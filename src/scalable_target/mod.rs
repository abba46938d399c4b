//! `Custom::SageMakerScalableTarget`: registers a production variant as a scalable target.
//!
//! The rules, which `docs/SEMANTICS.md` tells at length:
//!
//! 1. Create and Update wait for the endpoint to be `InService`; they fail at once when it is missing, failed, or has
//!    no such variant.
//! 2. A target that nobody holds is registered with tags that name the stack and the logical id. Registering with tags
//!    fails where the target exists: a create-if-absent.
//! 3. A target that we hold is registered again, so a request that is delivered twice does no harm.
//! 4. A target of another stack, or of another resource of ours, is refused. So is one without our tags, unless
//!    `AdoptExisting` is true: then we take it over, and remember that.
//! 5. A changed endpoint or variant is another id, and CloudFormation sends a Delete for the one that it no longer
//!    needs. One that CloudFormation never learned of, because the Update that registered it failed, is released by the
//!    Update that goes back.
//! 6. With an update gate, what is parked of a target comes back before it registers. Where the endpoint is about to go
//!    back to the gate's configuration, which this variant stands in the way of, what is wanted is parked instead, for
//!    the gate to bring back.
//! 7. Delete deregisters what we hold, releases what we adopted, and leaves everything else alone.

mod decide;
pub mod inputs;
mod lifecycle;
mod properties;

pub use decide::Refusal;
pub(crate) use decide::is_changing;
pub(crate) use lifecycle::poll_delay;
pub use lifecycle::{Done, carry_out};
pub use properties::{Capacity, Desired, Named, PolicyConfiguration, ScalingPolicy, ScheduledAction, SuspendedState};
