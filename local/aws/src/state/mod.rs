//! Everything that the services store.

pub(crate) mod endpoint;
pub(crate) mod inference_component;
pub(crate) mod parameter;
pub(crate) mod rate_limit;
pub(crate) mod scalable_target;
pub(crate) mod scaling_activity;
pub(crate) mod stack;

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;

use self::endpoint::{ChangeOutcome, Endpoint, EndpointConfig};
use self::inference_component::InferenceComponent;
use self::parameter::Parameter;
use self::rate_limit::RateLimit;
use self::scalable_target::{Target, TargetId};
use self::scaling_activity::ScalingActivity;
use self::stack::Stack;
use crate::protocol::fault::Fault;

/// One account in one Region.
#[derive(Clone, Debug)]
pub struct LocalAws {
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) partition: String,
    pub(crate) targets: BTreeMap<TargetId, Target>,
    /// The oldest first.
    pub(crate) scaling_activities: Vec<ScalingActivity>,
    /// By name in lower case: names are unique regardless of their case.
    pub(crate) endpoint_configs: BTreeMap<String, EndpointConfig>,
    /// By name in lower case, likewise.
    pub(crate) endpoints: BTreeMap<String, Endpoint>,
    pub(crate) inference_components: BTreeMap<String, InferenceComponent>,
    pub(crate) parameters: BTreeMap<String, Parameter>,
    /// By stack id.
    pub(crate) stacks: BTreeMap<String, Stack>,
    /// How many seconds a change of an endpoint takes.
    pub(crate) endpoint_takes: f64,
    /// The outcome of the next creation or update of an endpoint.
    pub(crate) next_outcome: ChangeOutcome,
    pub(crate) injected_faults: Vec<InjectedFault>,
    pub(crate) rate_limit: Option<RateLimit>,
    pub(crate) calls: VecDeque<Call>,
    /// How many of the last calls are recorded.
    pub(crate) max_calls: usize,
    last_id: u64,
}

impl LocalAws {
    /// An empty account.
    pub fn new(account: impl Into<String>, region: impl Into<String>, partition: impl Into<String>) -> Self {
        Self {
            account: account.into(),
            region: region.into(),
            partition: partition.into(),
            targets: BTreeMap::new(),
            scaling_activities: Vec::new(),
            endpoint_configs: BTreeMap::new(),
            endpoints: BTreeMap::new(),
            inference_components: BTreeMap::new(),
            parameters: BTreeMap::new(),
            stacks: BTreeMap::new(),
            endpoint_takes: 0.0,
            next_outcome: ChangeOutcome::Succeed,
            injected_faults: Vec::new(),
            rate_limit: None,
            calls: VecDeque::new(),
            max_calls: MAX_CALLS,
            last_id: 0,
        }
    }

    pub(crate) fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:{}:{service}:{}:{}:{resource}", self.partition, self.region, self.account)
    }

    /// A number that was not returned before.
    pub(crate) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }
}

impl Default for LocalAws {
    /// An empty account in `us-east-1`.
    fn default() -> Self {
        Self::new("111122223333", "us-east-1", "aws")
    }
}

pub(crate) const MAX_CALLS: usize = 10_000;

/// A recorded call of a service.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The time of the call, in seconds since the epoch.
    pub time: f64,
    /// Service and operation, such as `SageMaker.DescribeEndpoint`.
    pub target: String,
    /// The input.
    pub input: Value,
    /// `ok`, or the code of the fault.
    pub outcome: Cow<'static, str>,
    /// The output; null if the call failed.
    pub output: Value,
}

/// A fault that the next calls of an operation return.
#[derive(Clone, Debug)]
pub(crate) struct InjectedFault {
    pub(crate) operation: String,
    pub(crate) fault: Fault,
    pub(crate) remaining: u64,
}
