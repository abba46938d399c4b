//! The inference components that SageMaker stores.

use serde_json::Value;

/// An inference component.
#[derive(Clone, Debug)]
pub(crate) struct InferenceComponent {
    pub(crate) endpoint: String,
    pub(crate) variant: Value,
    pub(crate) copies: i64,
    pub(crate) created: f64,
    /// The `Tags` of its creation.
    pub(crate) tags: Option<Value>,
}
