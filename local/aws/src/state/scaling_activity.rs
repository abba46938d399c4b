//! The scaling activities that Application Auto Scaling stores.

use serde_json::{Map, Value};

use crate::state::scalable_target::TargetId;

/// A scaling activity of a target, which may be deregistered by now.
#[derive(Clone, Debug)]
pub(crate) struct ScalingActivity {
    pub(crate) target: TargetId,
    pub(crate) started: f64,
    pub(crate) ended: Option<f64>,
    /// The members that Describe returns, without those of `target`, `started` and `ended`.
    pub(crate) members: Map<String, Value>,
}
