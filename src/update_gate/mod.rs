//! `Custom::SageMakerEndpointUpdateGate`: lets an endpoint be updated while it scales.
//!
//! `next_step` has the rules as a pure function, and `run` carries them out. `docs/UPDATES.md` tells when they apply and
//! why.

mod next_step;
mod run;

pub use run::carry_out;
