//! `Custom::SageMakerEndpointUpdateGate`: not supported yet; this is its seat.
//!
//! Until then a Create is refused, so nothing of it ever exists, and a Delete has nothing to do.

/// What a Create or an Update of a gate is told.
pub const NOT_SUPPORTED: &str =
    "Custom::SageMakerEndpointUpdateGate is not supported yet; expected Custom::SageMakerScalableTarget";
