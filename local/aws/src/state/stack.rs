//! The stacks that CloudFormation stores.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// A stack.
#[derive(Clone, Debug)]
pub(crate) struct Stack {
    pub(crate) status: String,
    pub(crate) created: f64,
    /// When its last update began.
    pub(crate) updated: Option<f64>,
    pub(crate) deleted: Option<f64>,
    pub(crate) tags: Map<String, Value>,
    /// By logical id. `None` if only the tags of the stack are known.
    pub(crate) resources: Option<BTreeMap<String, StackResource>>,
}

/// A resource of a stack.
#[derive(Clone, Debug)]
pub(crate) struct StackResource {
    pub(crate) resource_type: String,
    /// `None` until the resource has one.
    pub(crate) physical_id: Option<String>,
    pub(crate) status: String,
    /// When it got its status.
    pub(crate) changed: f64,
}
