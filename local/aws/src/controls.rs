//! How tests and demos steer the model: from Rust, and over the wire as operations of a service called `LocalAws`.

use serde_json::{Value, json};

use crate::input::{Input, required};
use crate::life_cycle::{EndpointStatus, Fate};
use crate::{Answer, Fault, LocalAws};

/// A fault that some coming calls are answered with.
#[derive(Clone, Debug)]
pub(crate) struct InjectedFault {
    operation: String,
    fault: Fault,
    times: u64,
}

impl LocalAws {
    /// Sets how long endpoints take from now on to be created, updated, scaled or deleted; at first, no time at all.
    pub fn set_endpoint_takes(&mut self, seconds: f64) {
        self.endpoint_takes = seconds;
    }

    /// Lets the next creation or update of an endpoint end in `Failed`, for this reason.
    pub fn fail_next_endpoint(&mut self, reason: impl Into<String>) {
        self.next_fate = Fate::Fail(reason.into());
    }

    /// Lets the next update of an endpoint end in service, with what it had before; a creation still fails.
    pub fn roll_back_next_endpoint(&mut self, reason: impl Into<String>) {
        self.next_fate = Fate::RollBack(reason.into());
    }

    /// Answers the next `times` calls of an operation, such as `RegisterScalableTarget`, with a fault and does nothing.
    pub fn inject_faults(&mut self, operation: impl Into<String>, fault: Fault, times: u64) {
        self.injected.push(InjectedFault { operation: operation.into(), fault, times });
    }

    /// Forgets everything, settings and the record of calls included.
    pub fn reset(&mut self) {
        *self = Self::new(
            std::mem::take(&mut self.account),
            std::mem::take(&mut self.region),
            std::mem::take(&mut self.partition),
        );
    }

    pub(crate) fn control(&mut self, operation: &str, input: Input<'_>) -> Answer {
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
            "Reset" => self.reset(),
            "RollBackNextEndpoint" => self.roll_back_next_endpoint(input.text("Reason")?),
            "SetEndpointStatus" => {
                let status = EndpointStatus::from_name(input.text("Status")?);
                let status = status.ok_or_else(|| Fault::validation("Status: no status of an endpoint"))?;
                self.set_endpoint_status(input.text("EndpointName")?, status, input.optional_text("FailureReason")?)?;
            }
            "SetEndpointTakes" => self.set_endpoint_takes(required("Seconds", input.number("Seconds")?)?),
            _ => return Err(Fault::unknown_operation(operation)),
        }
        Ok(json!({}))
    }

    /// The fault that the next call of `operation` is to be answered with, if any; then it is used up.
    pub(crate) fn take_fault(&mut self, operation: &str) -> Option<Fault> {
        let injected =
            self.injected.iter_mut().find(|injected| injected.operation == operation && injected.times > 0)?;
        injected.times -= 1;
        let fault = injected.fault.clone();
        self.injected.retain(|injected| injected.times > 0);
        Some(fault)
    }

    fn call_list(&self) -> Vec<Value> {
        let show = |call: &crate::Call| {
            json!({
                "Time": call.time,
                "Target": call.target,
                "Input": call.input,
                "Outcome": call.outcome,
                "Output": call.output,
            })
        };
        self.calls().map(show).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{describe_endpoint, endpoint, scaling, with_endpoint};

    fn control(aws: &mut LocalAws, operation: &str, input: &Value) -> Answer {
        aws.call(&format!("LocalAws.{operation}"), input, 0.0)
    }

    #[test]
    fn injected_faults_come_as_often_as_asked_for_and_nothing_happens() {
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
        scaling(&mut aws, "RegisterScalableTarget", capacities).expect("the faults are used up");
    }

    #[test]
    fn the_record_shows_service_calls_with_what_came_of_them_but_no_controls() {
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
    fn endpoints_are_steered_over_the_wire() {
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
    fn a_reset_forgets_everything() {
        let mut aws = with_endpoint();
        aws.fail_next_endpoint("no capacity");
        control(&mut aws, "Reset", &json!({})).expect("resets");
        assert_eq!(format!("{aws:?}"), format!("{:?}", LocalAws::default()));
    }

    #[test]
    fn an_unknown_control_is_refused() {
        assert_eq!(
            control(&mut LocalAws::default(), "Stop", &json!({})).unwrap_err().code,
            "UnknownOperationException"
        );
    }
}
