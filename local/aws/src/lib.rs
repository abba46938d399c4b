//! A small faithful model of the calls that a scaling custom resource makes to Application Auto Scaling, SageMaker and
//! Systems Manager's Parameter Store.
//!
//! [`LocalAws`] is a plain state machine: no clock, no I/O, no randomness. Who calls says what time it is, so tests and
//! simulations drive it in virtual time and may fork it by cloning. [`server`] wraps it in the services' own protocol,
//! for the AWS CLI, boto3 and the SDKs.
//!
//! Rules about the services stand beside the code with their source. "Believed" marks those that AWS does not document:
//! mostly the texts of errors. Whoever depends on one of these should try it on AWS first.

mod attached;
mod capacity;
mod controls;
mod endpoint_configs;
mod endpoints;
mod inference_components;
mod input;
mod life_cycle;
mod parameters;
mod scalable_targets;
mod scaling_policies;
mod scheduled_actions;
pub mod server;
mod shapes;
mod step_scaling;
mod tags;
mod target_tracking;

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::error::Error;
use std::fmt::{self, Display, Formatter};

use serde_json::{Value, json};

pub use crate::life_cycle::EndpointStatus;

use crate::controls::InjectedFault;
use crate::endpoint_configs::EndpointConfig;
use crate::inference_components::Component;
use crate::input::Input;
use crate::life_cycle::{Endpoint, Fate};
use crate::parameters::Parameter;
use crate::scalable_targets::{Target, TargetId};

/// One account in one Region, as far as Application Auto Scaling, SageMaker and Parameter Store know it.
#[derive(Clone, Debug)]
pub struct LocalAws {
    account: String,
    region: String,
    partition: String,
    targets: BTreeMap<TargetId, Target>,
    // By name in lower case: see `endpoints`.
    endpoint_configs: BTreeMap<String, EndpointConfig>,
    endpoints: BTreeMap<String, Endpoint>,
    components: BTreeMap<String, Component>,
    parameters: BTreeMap<String, Parameter>,
    endpoint_takes: f64,
    next_fate: Fate,
    injected: Vec<InjectedFault>,
    calls: VecDeque<Call>,
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
            endpoint_configs: BTreeMap::new(),
            endpoints: BTreeMap::new(),
            components: BTreeMap::new(),
            parameters: BTreeMap::new(),
            endpoint_takes: 0.0,
            next_fate: Fate::Succeed,
            injected: Vec::new(),
            calls: VecDeque::new(),
            last_id: 0,
        }
    }

    /// Carries out one call, as a service or as a control of this model, at `now` in seconds since the epoch.
    ///
    /// `target` is the text of the `X-Amz-Target` header, such as `SageMaker.DescribeEndpoint`. A call that answers
    /// with a fault has changed nothing.
    pub fn call(&mut self, target: &str, input: &Value, now: f64) -> Result<Value, Fault> {
        if let Some(control) = target.strip_prefix("LocalAws.") {
            return self.control(control, Input::new(input)?);
        }
        self.settle(now);
        let operation = target.rsplit('.').next().unwrap_or(target);
        let answer = match self.take_fault(operation) {
            Some(fault) => Err(fault),
            None => Input::new(input).and_then(|input| self.dispatch(target, input, now)),
        };
        if self.calls.len() == MAX_CALLS {
            self.calls.pop_front();
        }
        self.calls.push_back(Call {
            time: now,
            target: target.to_owned(),
            input: input.clone(),
            outcome: answer.as_ref().map_or_else(|fault| fault.code.clone(), |_| Cow::Borrowed("ok")),
            output: answer.as_ref().cloned().unwrap_or_default(),
        });
        answer
    }

    fn dispatch(&mut self, target: &str, input: Input<'_>, now: f64) -> Answer {
        match target {
            "AnyScaleFrontendService.DeleteScalingPolicy" => self.delete_scaling_policy(input),
            "AnyScaleFrontendService.DeleteScheduledAction" => self.delete_scheduled_action(input),
            "AnyScaleFrontendService.DeregisterScalableTarget" => self.deregister_scalable_target(input),
            "AnyScaleFrontendService.DescribeScalableTargets" => self.describe_scalable_targets(input),
            "AnyScaleFrontendService.DescribeScalingPolicies" => self.describe_scaling_policies(input),
            "AnyScaleFrontendService.DescribeScheduledActions" => self.describe_scheduled_actions(input),
            "AnyScaleFrontendService.ListTagsForResource" => self.list_tags_for_resource(input),
            "AnyScaleFrontendService.PutScalingPolicy" => self.put_scaling_policy(input, now),
            "AnyScaleFrontendService.PutScheduledAction" => self.put_scheduled_action(input, now),
            "AnyScaleFrontendService.RegisterScalableTarget" => self.register_scalable_target(input, now),
            "AnyScaleFrontendService.TagResource" => self.tag_resource(input),
            "AnyScaleFrontendService.UntagResource" => self.untag_resource(input),
            "AmazonSSM.DeleteParameter" => self.delete_parameter(input),
            "AmazonSSM.GetParameter" => self.get_parameter(input),
            "AmazonSSM.GetParametersByPath" => self.get_parameters_by_path(input),
            "AmazonSSM.PutParameter" => self.put_parameter(input, now),
            "SageMaker.CreateEndpoint" => self.create_endpoint(input, now),
            "SageMaker.CreateEndpointConfig" => self.create_endpoint_config(input, now),
            "SageMaker.CreateInferenceComponent" => self.create_inference_component(input, now),
            "SageMaker.DeleteEndpoint" => self.delete_endpoint(input, now),
            "SageMaker.DeleteEndpointConfig" => self.delete_endpoint_config(input),
            "SageMaker.DeleteInferenceComponent" => self.delete_inference_component(input),
            "SageMaker.DescribeEndpoint" => self.describe_endpoint(input),
            "SageMaker.DescribeEndpointConfig" => self.describe_endpoint_config(input),
            "SageMaker.DescribeInferenceComponent" => self.describe_inference_component(input),
            "SageMaker.UpdateEndpoint" => self.update_endpoint(input, now),
            "SageMaker.UpdateEndpointWeightsAndCapacities" => self.update_endpoint_weights_and_capacities(input, now),
            _ => Err(Fault::unknown_operation(target)),
        }
    }

    /// The service calls so far, the oldest first; of very many only the last ten thousand.
    pub fn calls(&self) -> impl ExactSizeIterator<Item = &Call> {
        self.calls.iter()
    }

    fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:{}:{service}:{}:{}:{resource}", self.partition, self.region, self.account)
    }

    fn next_id(&mut self) -> u64 {
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

/// A service's refusal.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fault {
    /// The HTTP status.
    pub status: u16,
    /// The exception, such as `ValidationException`.
    pub code: Cow<'static, str>,
    /// What it says.
    pub message: String,
    /// The ARN that some exceptions name besides.
    pub resource_name: Option<String>,
}

impl Fault {
    /// A refusal with status 400, as nearly all of them are.
    pub fn new(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { status: 400, code: code.into(), message: message.into(), resource_name: None }
    }

    /// The body of the HTTP reply. The services differ in how they spell the message's member: both are there.
    pub fn body(&self) -> Value {
        let mut body = json!({ "__type": self.code, "Message": self.message, "message": self.message });
        if let Some(name) = &self.resource_name {
            body["ResourceName"] = json!(name);
        }
        body
    }

    fn validation(message: impl Into<String>) -> Self {
        Self::new("ValidationException", message)
    }

    /// Believed: the form in which AWS services report a violated constraint of their API model; `value` in its quotes.
    fn constraint(value: impl Display, member: &str, constraint: impl Display) -> Self {
        let (first, rest) = member.split_at(1);
        Self::validation(format!(
            "1 validation error detected: Value {value} at '{}{rest}' failed to satisfy constraint: {constraint}",
            first.to_ascii_lowercase()
        ))
    }

    fn unknown_operation(target: &str) -> Self {
        Self::new("UnknownOperationException", format!("the local AWS does not know the operation {target:?}"))
    }
}

impl Display for Fault {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.code, self.message)
    }
}

impl Error for Fault {}

/// One call of a service, for the record.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// When, in seconds since the epoch.
    pub time: f64,
    /// Service and operation, such as `SageMaker.DescribeEndpoint`.
    pub target: String,
    /// What was sent.
    pub input: Value,
    /// `ok`, or the fault's code.
    pub outcome: Cow<'static, str>,
    /// What was answered; null where it was a fault.
    pub output: Value,
}

type Answer = Result<Value, Fault>;

const MAX_CALLS: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_calls_get_the_same_answers() {
        let play = || {
            let mut aws = testing::with_endpoint();
            let registered = testing::register(&mut aws, json!({ "MinCapacity": 1, "MaxCapacity": 2 }));
            (registered, format!("{aws:?}"))
        };
        assert_eq!(play(), play());
    }

    #[test]
    fn a_fork_does_not_disturb_what_it_was_forked_from() {
        let aws = testing::with_endpoint();
        let mut fork = aws.clone();
        testing::register(&mut fork, json!({ "MinCapacity": 1, "MaxCapacity": 2 }));
        assert!(aws.targets.is_empty());
    }

    #[test]
    fn an_unknown_operation_is_refused() {
        let fault = LocalAws::default().call("SageMaker.CreateModel", &json!({}), 0.0).unwrap_err();
        assert_eq!((fault.status, &*fault.code), (400, "UnknownOperationException"));
    }

    #[test]
    fn the_record_of_calls_is_bounded_and_drops_the_oldest() {
        let mut aws = LocalAws::default();
        for time in 0..=MAX_CALLS {
            aws.call("SageMaker.None", &json!({}), time as f64).unwrap_err();
        }
        assert_eq!(aws.calls().len(), MAX_CALLS);
        assert_eq!(aws.calls().next().expect("ten thousand calls").time, 1.0);
    }
}

#[cfg(test)]
mod testing {
    //! What the tests of all modules start from.

    use super::*;

    pub(crate) const ID: &str = "endpoint/Prod/variant/blue";
    pub(crate) const INSTANCES: &str = "sagemaker:variant:DesiredInstanceCount";

    /// An account whose endpoint `Prod` has been in service since second 0, with two instances in variant `blue`.
    pub(crate) fn with_endpoint() -> LocalAws {
        let mut aws = LocalAws::default();
        config(&mut aws, "large", "ml.m5.large");
        endpoint(&mut aws, "CreateEndpoint", "large").expect("the configuration exists");
        aws
    }

    pub(crate) fn config(aws: &mut LocalAws, name: &str, instance_type: &str) {
        let variant = json!({ "VariantName": "blue", "InstanceType": instance_type, "InitialInstanceCount": 2 });
        let input = json!({ "EndpointConfigName": name, "ProductionVariants": [variant] });
        aws.call("SageMaker.CreateEndpointConfig", &input, 0.0).expect("a valid configuration");
    }

    pub(crate) fn endpoint(aws: &mut LocalAws, operation: &str, config: &str) -> Answer {
        let input = json!({ "EndpointName": "Prod", "EndpointConfigName": config });
        aws.call(&format!("SageMaker.{operation}"), &input, 0.0)
    }

    pub(crate) fn describe_endpoint(aws: &mut LocalAws, now: f64) -> Value {
        aws.call("SageMaker.DescribeEndpoint", &json!({ "EndpointName": "Prod" }), now).expect("it exists")
    }

    /// A call about the scalable target of variant `blue`.
    pub(crate) fn scaling(aws: &mut LocalAws, operation: &str, mut input: Value) -> Answer {
        for (member, value) in [("ServiceNamespace", "sagemaker"), ("ResourceId", ID), ("ScalableDimension", INSTANCES)]
        {
            input.as_object_mut().expect("an object").entry(member).or_insert_with(|| json!(value));
        }
        aws.call(&format!("AnyScaleFrontendService.{operation}"), &input, 7.0)
    }

    /// Registers variant `blue` and returns the target's ARN.
    pub(crate) fn register(aws: &mut LocalAws, input: Value) -> String {
        let answer = scaling(aws, "RegisterScalableTarget", input).expect("registers");
        answer["ScalableTargetARN"].as_str().expect("an ARN").to_owned()
    }

    /// The account of [`with_endpoint`], with variant `blue` registered.
    pub(crate) fn with_target() -> LocalAws {
        let mut aws = with_endpoint();
        register(&mut aws, json!({ "MinCapacity": 1, "MaxCapacity": 8 }));
        aws
    }

    /// A step scaling policy, whole.
    pub(crate) fn policy(name: &str) -> Value {
        json!({
            "PolicyName": name,
            "PolicyType": "StepScaling",
            "StepScalingPolicyConfiguration": {
                "AdjustmentType": "ChangeInCapacity",
                "StepAdjustments": [{ "MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1 }],
            },
        })
    }

    /// A target tracking policy on a predefined metric.
    pub(crate) fn tracking(name: &str, metric: &str) -> Value {
        json!({
            "PolicyName": name,
            "PolicyType": "TargetTrackingScaling",
            "TargetTrackingScalingPolicyConfiguration": {
                "TargetValue": 70.0,
                "PredefinedMetricSpecification": { "PredefinedMetricType": metric },
            },
        })
    }

    /// A scheduled action, whole.
    pub(crate) fn action(name: &str) -> Value {
        json!({
            "ScheduledActionName": name,
            "Schedule": "rate(1 day)",
            "ScalableTargetAction": { "MinCapacity": 2 },
        })
    }
}
