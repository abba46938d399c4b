//! Controls for tests and demos: methods, which are also operations of a service called `LocalAws`.

use serde_json::{Value, json};

use crate::protocol::fault::{Fault, OperationResult};
use crate::protocol::input::{Input, required};
use crate::state::endpoint::{ChangeOutcome, EndpointStatus};
use crate::state::rate_limit::RateLimit;
use crate::state::{Call, InjectedFault, LocalAws};

impl LocalAws {
    /// Sets how long creating, updating, scaling or deleting an endpoint takes from now on. The default is 0.
    pub fn set_endpoint_takes(&mut self, seconds: f64) {
        self.endpoint_takes = seconds;
    }

    /// Makes the next creation or update of an endpoint end in `Failed` with this reason.
    pub fn fail_next_endpoint(&mut self, reason: impl Into<String>) {
        self.next_outcome = ChangeOutcome::Fail(reason.into());
    }

    /// Makes the next update of an endpoint roll back to its old configuration. A creation fails instead.
    pub fn roll_back_next_endpoint(&mut self, reason: impl Into<String>) {
        self.next_outcome = ChangeOutcome::RollBack(reason.into());
    }

    /// Makes the next creation or update of an endpoint succeed, as all do from the start.
    pub fn succeed_next_endpoint(&mut self) {
        self.next_outcome = ChangeOutcome::Succeed;
    }

    /// Forgets the recorded calls.
    pub fn forget_calls(&mut self) {
        self.calls.clear();
    }

    /// Makes the next `times` calls of an operation, such as `RegisterScalableTarget`, return a fault and change nothing.
    pub fn inject_faults(&mut self, operation: impl Into<String>, fault: Fault, times: u64) {
        self.injected_faults.push(InjectedFault { operation: operation.into(), fault, remaining: times });
    }

    /// Makes the services accept so many calls a second from now on, and so many at once after a pause. Application Auto
    /// Scaling and SageMaker share a limit; each other service has its own. `None` removes the limits.
    pub fn limit_calls(&mut self, per_second_and_burst: Option<(f64, f64)>) {
        self.rate_limit = per_second_and_burst.map(|(per_second, burst)| RateLimit::new(per_second, burst));
    }

    /// Resets everything, including settings and recorded calls.
    pub fn reset(&mut self) {
        *self = Self::new(
            std::mem::take(&mut self.account),
            std::mem::take(&mut self.region),
            std::mem::take(&mut self.partition),
        );
    }

    /// Calls the control of this name.
    pub(crate) fn call_control(&mut self, operation: &str, input: Input<'_>, now: f64) -> OperationResult {
        match operation {
            "Calls" => return Ok(json!({ "Calls": self.call_list() })),
            "FailNextEndpoint" => self.fail_next_endpoint(input.text("Reason")?),
            "InjectFaults" => {
                let status = input.integer("Status")?.unwrap_or(400);
                let status = u16::try_from(status).ok().filter(|status| (400..600).contains(status));
                let times = input.integer("Times")?.unwrap_or(1);
                let fault = Fault {
                    status: status.ok_or_else(|| Fault::validation("Status: between 400 and 599"))?,
                    ..Fault::new(input.text("Code")?.to_owned(), input.optional_text("Message")?.unwrap_or_default())
                };
                let times = u64::try_from(times).map_err(|_| Fault::validation("Times: 0 or more"))?;
                self.inject_faults(input.text("Operation")?, fault, times);
            }
            "LimitCalls" => {
                let (per_second, burst) = (input.number("PerSecond")?, input.number("Burst")?);
                self.limit_calls(per_second.map(|per_second| (per_second, burst.unwrap_or(per_second))));
            }
            "LoseEndpoint" => self.lose_endpoint(input)?,
            "RecordScalingActivity" => return self.record_scaling_activity(input, now),
            "RemoveStackResource" => self.remove_stack_resource(input)?,
            "Reset" => self.reset(),
            "RollBackNextEndpoint" => self.roll_back_next_endpoint(input.text("Reason")?),
            "SetEndpointStatus" => {
                let status = EndpointStatus::from_name(input.text("Status")?);
                let status = status.ok_or_else(|| Fault::validation("Status: no status of an endpoint"))?;
                self.set_endpoint_status(input.text("EndpointName")?, status, input.optional_text("FailureReason")?)?;
            }
            "SetEndpointTakes" => self.set_endpoint_takes(required("Seconds", input.number("Seconds")?)?),
            "SetStack" => self.set_stack(input, now)?,
            "SetStackResource" => self.set_stack_resource(input, now)?,
            "SetStackTags" => {
                let tags = input.object("Tags")?.map(|tags| tags.0.clone());
                self.set_stack_tags(input.text("StackId")?, tags.unwrap_or_default(), now);
            }
            "TripAlarm" => self.trip_alarm(input.text("AlarmName")?, now),
            _ => return Err(Fault::unknown_operation(operation)),
        }
        Ok(json!({}))
    }

    /// Takes the injected fault that this call of `operation` returns, if there is one.
    pub(crate) fn take_injected_fault(&mut self, operation: &str) -> Option<Fault> {
        let injected = self
            .injected_faults
            .iter_mut()
            .find(|injected| injected.operation == operation && injected.remaining > 0)?;
        injected.remaining -= 1;
        let fault = injected.fault.clone();
        self.injected_faults.retain(|injected| injected.remaining > 0);
        Some(fault)
    }

    fn call_list(&self) -> Vec<Value> {
        let describe = |call: &Call| {
            json!({
                "Time": call.time,
                "Target": call.target,
                "Input": call.input,
                "Outcome": call.outcome,
                "Output": call.output,
            })
        };
        self.calls().map(describe).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{describe_endpoint, endpoint, scaling, with_endpoint};

    fn control(aws: &mut LocalAws, operation: &str, input: &Value) -> OperationResult {
        aws.call(&format!("LocalAws.{operation}"), input, 0.0)
    }

    #[test]
    fn an_injected_fault_is_returned_the_given_number_of_times_and_changes_nothing() {
        let mut aws = with_endpoint();
        let throttled = json!({
            "Operation": "RegisterScalableTarget",
            "Code": "ThrottlingException",
            "Status": 400,
            "Message": "Rate exceeded",
            "Times": 2,
        });
        control(&mut aws, "InjectFaults", &throttled).expect("injects");
        let capacities = json!({ "MinCapacity": 1, "MaxCapacity": 8 });
        for _ in 0..2 {
            let fault = scaling(&mut aws, "RegisterScalableTarget", capacities.clone()).unwrap_err();
            assert_eq!(fault.to_string(), "ThrottlingException: Rate exceeded");
            assert!(aws.targets.is_empty());
        }
        scaling(&mut aws, "RegisterScalableTarget", capacities).expect("no injected fault is left");
    }

    #[test]
    fn calls_over_the_limit_are_throttled_until_tokens_are_back() {
        let mut aws = with_endpoint();
        control(&mut aws, "LimitCalls", &json!({ "PerSecond": 10, "Burst": 20 })).expect("numbers");
        let mut accepted = |target: &str, input: &Value, now: f64| {
            let outcomes = std::iter::repeat_with(|| aws.call(target, input, now)).take(30);
            let refused: Vec<_> = outcomes.filter_map(Result::err).map(|fault| fault.to_string()).collect();
            (30 - refused.len(), refused.last().cloned().unwrap_or_default())
        };
        let endpoint = json!({ "EndpointName": "Prod" });
        let targets = json!({ "ServiceNamespace": "sagemaker" });
        let throttled = "ThrottlingException: Rate exceeded".to_owned();
        assert_eq!(accepted("SageMaker.DescribeEndpoint", &endpoint, 100.0), (20, throttled.clone()));
        let describe_targets = "AnyScaleFrontendService.DescribeScalableTargets";
        assert_eq!(accepted(describe_targets, &targets, 100.0), (0, throttled.clone()));
        assert_eq!(accepted(describe_targets, &targets, 100.5), (5, throttled.clone()));
        assert_eq!(accepted(describe_targets, &targets, 900.0), (20, throttled));
        let stacks = accepted("CloudFormation.DescribeStacks", &json!({}), 900.0);
        assert_eq!(stacks, (20, "Throttling: Rate exceeded".to_owned()));

        control(&mut aws, "LimitCalls", &json!({})).expect("no limit");
        describe_endpoint(&mut aws, 900.0);
    }

    #[test]
    fn service_calls_are_recorded_with_their_outcome_and_controls_are_not() {
        let mut aws = LocalAws::default();
        control(&mut aws, "SetEndpointTakes", &json!({ "Seconds": 5 })).expect("a number");
        aws.call("SageMaker.DescribeEndpoint", &json!({ "EndpointName": "e" }), 3.0).unwrap_err();
        aws.call("AnyScaleFrontendService.DescribeScalableTargets", &json!({ "ServiceNamespace": "sagemaker" }), 4.0)
            .expect("an empty list");
        let calls = control(&mut aws, "Calls", &json!({})).expect("a record");
        assert_eq!(
            calls,
            json!({ "Calls": [
                {
                    "Time": 3.0,
                    "Target": "SageMaker.DescribeEndpoint",
                    "Input": { "EndpointName": "e" },
                    "Outcome": "ValidationException",
                    "Output": null,
                },
                {
                    "Time": 4.0,
                    "Target": "AnyScaleFrontendService.DescribeScalableTargets",
                    "Input": { "ServiceNamespace": "sagemaker" },
                    "Outcome": "ok",
                    "Output": { "ScalableTargets": [] },
                },
            ] })
        );
    }

    #[test]
    fn controls_set_the_outcome_and_the_status_of_an_endpoint() {
        let mut aws = with_endpoint();
        control(&mut aws, "RollBackNextEndpoint", &json!({ "Reason": "alarm" })).expect("a reason");
        control(&mut aws, "FailNextEndpoint", &json!({ "Reason": "no capacity" })).expect("a reason");
        endpoint(&mut aws, "UpdateEndpoint", "large").expect("begins");
        assert_eq!(describe_endpoint(&mut aws, 0.0)["FailureReason"], "no capacity");

        let status = json!({ "EndpointName": "prod", "Status": "SystemUpdating" });
        control(&mut aws, "SetEndpointStatus", &status).expect("it exists");
        assert_eq!(describe_endpoint(&mut aws, 0.0)["EndpointStatus"], "SystemUpdating");
        let status = json!({ "EndpointName": "prod", "Status": "Fine" });
        control(&mut aws, "SetEndpointStatus", &status).unwrap_err();
    }

    #[test]
    fn a_reset_leaves_an_empty_account() {
        let mut aws = with_endpoint();
        aws.fail_next_endpoint("no capacity");
        control(&mut aws, "Reset", &json!({})).expect("resets");
        assert_eq!(format!("{aws:?}"), format!("{:?}", LocalAws::default()));
    }

    #[test]
    fn an_unknown_control_is_rejected() {
        assert_eq!(
            control(&mut LocalAws::default(), "Stop", &json!({})).unwrap_err().code,
            "UnknownOperationException"
        );
    }
}
