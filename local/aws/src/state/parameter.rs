//! The parameters that Parameter Store stores.

use serde_json::Value;

/// A parameter.
#[derive(Clone, Debug)]
pub(crate) struct Parameter {
    pub(crate) value: String,
    pub(crate) kind: String,
    pub(crate) is_advanced: bool,
    pub(crate) version: u64,
    pub(crate) modified: f64,
    /// The `Tags` of its creation.
    pub(crate) tags: Option<Value>,
}
