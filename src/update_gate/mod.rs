//! `Custom::SageMakerEndpointUpdateGate`: lets an endpoint be updated while it scales.
//!
//! `next_step` decides, as a pure function, and `run` acts. `docs/UPDATES.md` states the rules and their reasons.

mod next_step;
mod run;

pub use run::carry_out;
