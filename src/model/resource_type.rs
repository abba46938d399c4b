//! The resource types of this function.

/// A resource type of this function.
///
/// A new one begins here. The compiler then asks for its arm in `handler.rs`, and `schema/tests` for its schema.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ResourceType {
    /// A scalable target.
    ScalableTarget,
    /// An update gate.
    UpdateGate,
}

impl ResourceType {
    /// All resource types.
    pub const ALL: [Self; 2] = [Self::ScalableTarget, Self::UpdateGate];

    /// The name in a template.
    pub fn name(self) -> &'static str {
        match self {
            Self::ScalableTarget => "Custom::SageMakerScalableTarget",
            Self::UpdateGate => "Custom::SageMakerEndpointUpdateGate",
        }
    }

    /// The resource type of a name.
    pub fn read(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }
}
