//! Passes each call to its operation, and records it.

use std::borrow::Cow;

use serde_json::Value;

use crate::protocol::fault::{Fault, OperationResult};
use crate::protocol::input::Input;
use crate::{Call, LocalAws};

impl LocalAws {
    /// Calls an operation of a service, or a test control, at the time `now` in seconds since the epoch.
    ///
    /// `target` is the value of the `X-Amz-Target` header, such as `SageMaker.DescribeEndpoint`. A call that returns a
    /// fault changes nothing.
    pub fn call(&mut self, target: &str, input: &Value, now: f64) -> Result<Value, Fault> {
        if let Some(control) = target.strip_prefix("LocalAws.") {
            return self.call_control(control, Input::new(input)?, now);
        }
        self.complete_changes(now);
        let operation = target.rsplit('.').next().unwrap_or(target);
        let is_accepted = self.rate_limit.as_mut().map_or(Ok(()), |limit| limit.take(target, now));
        let answer = match is_accepted.err().or_else(|| self.take_injected_fault(operation)) {
            Some(fault) => Err(fault),
            None => Input::new(input).and_then(|input| self.dispatch(target, input, now)),
        };
        if self.calls.len() == self.max_calls {
            self.calls.pop_front();
        }
        if self.calls.len() < self.max_calls {
            self.calls.push_back(Call {
                time: now,
                target: target.to_owned(),
                input: input.clone(),
                outcome: answer.as_ref().map_or_else(|fault| fault.code.clone(), |_| Cow::Borrowed("ok")),
                output: answer.as_ref().cloned().unwrap_or_default(),
            });
        }
        answer
    }

    fn dispatch(&mut self, target: &str, input: Input<'_>, now: f64) -> OperationResult {
        match target {
            "AnyScaleFrontendService.DeleteScalingPolicy" => self.delete_scaling_policy(input),
            "AnyScaleFrontendService.DeleteScheduledAction" => self.delete_scheduled_action(input),
            "AnyScaleFrontendService.DeregisterScalableTarget" => self.deregister_scalable_target(input),
            "AnyScaleFrontendService.DescribeScalableTargets" => self.describe_scalable_targets(input),
            "AnyScaleFrontendService.DescribeScalingActivities" => self.describe_scaling_activities(input, now),
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
            "AmazonSSM.ListTagsForResource" => self.list_tags_of_parameter(input),
            "AmazonSSM.PutParameter" => self.put_parameter(input, now),
            "CloudFormation.DescribeStackResource" => self.describe_stack_resource(input),
            "CloudFormation.DescribeStackResources" => self.describe_stack_resources(input),
            "CloudFormation.DescribeStacks" => self.describe_stacks(input),
            "SageMaker.CreateEndpoint" => self.create_endpoint(input, now),
            "SageMaker.CreateEndpointConfig" => self.create_endpoint_config(input, now),
            "SageMaker.CreateInferenceComponent" => self.create_inference_component(input, now),
            "SageMaker.DeleteEndpoint" => self.delete_endpoint(input, now),
            "SageMaker.DeleteEndpointConfig" => self.delete_endpoint_config(input),
            "SageMaker.DeleteInferenceComponent" => self.delete_inference_component(input),
            "SageMaker.DescribeEndpoint" => self.describe_endpoint(input),
            "SageMaker.DescribeEndpointConfig" => self.describe_endpoint_config(input),
            "SageMaker.DescribeInferenceComponent" => self.describe_inference_component(input),
            "SageMaker.ListEndpointConfigs" => self.list_endpoint_configs(input),
            "SageMaker.ListEndpoints" => self.list_endpoints(input),
            "SageMaker.ListInferenceComponents" => self.list_inference_components(input),
            "SageMaker.ListTags" => self.list_tags(input),
            "SageMaker.UpdateEndpoint" => self.update_endpoint(input, now),
            "SageMaker.UpdateEndpointWeightsAndCapacities" => self.update_endpoint_weights_and_capacities(input, now),
            _ => Err(Fault::unknown_operation(target)),
        }
    }

    /// The last ten thousand calls of the services, the oldest first.
    pub fn calls(&self) -> impl ExactSizeIterator<Item = &Call> {
        self.calls.iter()
    }

    /// Records so many of the last calls from now on, and forgets the calls until now.
    pub fn record_calls(&mut self, max: usize) {
        self.calls.clear();
        self.max_calls = max;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::state::MAX_CALLS;
    use crate::testing;

    #[test]
    fn the_same_calls_return_the_same_outputs() {
        let play = || {
            let mut aws = testing::with_endpoint();
            let registered = testing::register(&mut aws, json!({ "MinCapacity": 1, "MaxCapacity": 2 }));
            (registered, format!("{aws:?}"))
        };
        assert_eq!(play(), play());
    }

    #[test]
    fn a_change_of_a_clone_leaves_the_original_unchanged() {
        let aws = testing::with_endpoint();
        let mut clone = aws.clone();
        testing::register(&mut clone, json!({ "MinCapacity": 1, "MaxCapacity": 2 }));
        assert!(aws.targets.is_empty());
    }

    #[test]
    fn an_unknown_operation_is_rejected() {
        let fault = LocalAws::default().call("SageMaker.CreateModel", &json!({}), 0.0).unwrap_err();
        assert_eq!((fault.status, &*fault.code), (400, "UnknownOperationException"));
    }

    #[test]
    fn only_the_last_ten_thousand_calls_are_recorded() {
        let mut aws = LocalAws::default();
        for time in 0..=MAX_CALLS {
            aws.call("SageMaker.None", &json!({}), time as f64).unwrap_err();
        }
        assert_eq!(aws.calls().len(), MAX_CALLS);
        assert_eq!(aws.calls().next().expect("ten thousand calls").time, 1.0);
    }

    #[test]
    fn no_call_is_recorded_if_none_is_wanted() {
        let mut aws = testing::with_endpoint();
        aws.record_calls(0);
        aws.call("SageMaker.None", &json!({}), 0.0).unwrap_err();
        assert_eq!(aws.calls().len(), 0);
    }
}
