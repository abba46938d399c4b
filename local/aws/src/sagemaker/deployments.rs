//! Deployment guardrails: how traffic shifts to a new configuration, and which alarms roll it back.
//!
//! <https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails.html>

use std::cmp::max;

use serde_json::Value;

use crate::protocol::fault::Fault;
use crate::protocol::input::{Input, required};
use crate::state::LocalAws;
use crate::state::endpoint::{ChangeOutcome, Deployment, Endpoint};

/// How an update of an endpoint goes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Guardrails {
    /// How many seconds it waits between its steps, altogether.
    pub(crate) waits: f64,
    /// The alarms that roll it back.
    pub(crate) alarms: Vec<String>,
}

/// Reads `DeploymentConfig`. Rejects a deployment that the endpoint cannot have.
pub(crate) fn read_guardrails(config: Input<'_>, endpoint: &Endpoint, to: &Deployment) -> Result<Guardrails, Fault> {
    let (blue_green, rolling) = (config.object("BlueGreenUpdatePolicy")?, config.object("RollingUpdatePolicy")?);
    // Assumed (belief error-texts): the texts.
    if blue_green.is_some() && rolling.is_some() {
        return Err(Fault::validation("Only one update policy can be used in a deployment configuration"));
    }
    // "your new endpoint configuration must have the same variant name as the old endpoint configuration":
    // https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-exclusions.html
    let names =
        |deployment: &Deployment| deployment.variants.iter().map(|variant| variant.name.clone()).collect::<Vec<_>>();
    if (blue_green.is_some() || rolling.is_some()) && names(&endpoint.deployed) != names(to) {
        return Err(Fault::validation("A deployment configuration requires the same variant names"));
    }
    let instances = endpoint.deployed.variants.iter().map(|variant| variant.current).sum();
    let waits = match (blue_green, rolling) {
        (Some(policy), _) => {
            let routing = policy.object("TrafficRoutingConfiguration")?;
            let terminates = seconds(policy, "TerminationWaitInSeconds", 0, 3600)?.unwrap_or(0);
            let steps = shifts(required("TrafficRoutingConfiguration", routing)?, instances)?;
            seconds(policy, "MaximumExecutionTimeoutInSeconds", 600, 28_800)?;
            steps + terminates
        }
        (None, Some(policy)) => {
            // The same page excludes both.
            if to.variants.len() > 1 || to.variants.iter().any(|variant| variant.serverless.is_some()) {
                return Err(Fault::validation("Rolling deployments need one variant, on instances"));
            }
            let wait = required("WaitIntervalInSeconds", seconds(policy, "WaitIntervalInSeconds", 0, 3600)?)?;
            seconds(policy, "MaximumExecutionTimeoutInSeconds", 600, 28_800)?;
            // "Value must be between 5% to 50% of the variant's total instance count."
            wait * batches(
                required("MaximumBatchSize", policy.object("MaximumBatchSize")?)?,
                "MaximumBatchSize",
                5,
                instances,
            )?
        }
        (None, None) => 0,
    };
    let rollback = config.object("AutoRollbackConfiguration")?;
    let alarms = rollback.map(|rollback| rollback.objects("Alarms")).transpose()?.unwrap_or_default();
    let alarms = alarms.into_iter().map(|alarm| alarm.text("AlarmName").map(str::to_owned));
    #[expect(clippy::cast_precision_loss, reason = "seconds")]
    let waits = waits as f64;
    Ok(Guardrails { waits, alarms: alarms.collect::<Result<_, _>>()? })
}

/// How many seconds a traffic shift waits: after each step, to monitor the alarms.
fn shifts(routing: Input<'_>, instances: i64) -> Result<i64, Fault> {
    let wait = required("WaitIntervalInSeconds", seconds(routing, "WaitIntervalInSeconds", 0, 3600)?)?;
    let steps = match routing.text("Type")? {
        "ALL_AT_ONCE" => 1,
        // "two steps"; "Value must be less than or equal to 50% of the variant's total instance count."
        "CANARY" => {
            batches(required("CanarySize", routing.object("CanarySize")?)?, "CanarySize", 1, instances)?;
            2
        }
        // "Value must be 10-50% of the variant's total instance count."
        "LINEAR" => {
            batches(required("LinearStepSize", routing.object("LinearStepSize")?)?, "LinearStepSize", 10, instances)?
        }
        other => {
            let constraint = "Member must satisfy enum value set: [ALL_AT_ONCE, CANARY, LINEAR]";
            return Err(Fault::constraint(format_args!("'{other}'"), "Type", constraint));
        }
    };
    Ok(wait * steps)
}

/// How many batches of a size make up all instances. A batch has from `least` to 50 percent, and at least one instance.
fn batches(size: Input<'_>, member: &str, least: i64, instances: i64) -> Result<i64, Fault> {
    let value = required("Value", size.integer("Value")?)?;
    let percent = match size.text("Type")? {
        "CAPACITY_PERCENT" => value,
        "INSTANCE_COUNT" if value > 0 => 100 * value / max(instances, 1),
        _ => 0,
    };
    // A fleet of one instance has one batch.
    if instances > 1 && !(least..=50).contains(&percent) {
        return Err(Fault::validation(format!("{member} must be between {least}% and 50% of the instances")));
    }
    Ok((100 + percent - 1) / max(percent, 1))
}

fn seconds(input: Input<'_>, member: &str, from: i64, to: i64) -> Result<Option<i64>, Fault> {
    let found = input.integer(member)?;
    if found.is_some_and(|found| !(from..=to).contains(&found)) {
        let constraint = format!("Member must have value between {from} and {to}");
        return Err(Fault::constraint(format_args!("'{found:?}'"), member, constraint));
    }
    Ok(found)
}

impl LocalAws {
    /// An alarm goes off: a deployment that it guards returns to the old configuration at once.
    ///
    /// Assumed (beliefs guardrails-shift, error-texts): the text, and that it takes no time.
    pub fn trip_alarm(&mut self, alarm: &str, now: f64) {
        for change in self.endpoints.values_mut().filter_map(|endpoint| endpoint.change.as_mut()) {
            if change.ends > now && change.alarms.iter().any(|guarding| guarding == alarm) {
                change.ends = now;
                change.outcome =
                    ChangeOutcome::RollBack(format!("One or more configured alarm(s) are in ALARM state: {alarm}"));
            }
        }
    }
}

/// The deployment configuration of an update: a new one, or the last one if it is to be retained.
pub(crate) fn deployment_config(input: Input<'_>, endpoint: &Endpoint) -> Result<Option<Value>, Fault> {
    let retains = input.flag("RetainDeploymentConfig")?;
    let retained = endpoint.deployment_config.as_ref().filter(|_| retains);
    Ok(input.get("DeploymentConfig").or(retained).cloned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::protocol::fault::OperationResult;
    use crate::testing::{config, describe_endpoint, with_endpoint};

    /// An account whose endpoint `Prod` has four instances, and another configuration to deploy. An update takes 60 seconds.
    fn four() -> LocalAws {
        let mut aws = with_endpoint();
        let four = json!([{ "VariantName": "blue", "DesiredInstanceCount": 4 }]);
        let scale = json!({ "EndpointName": "Prod", "DesiredWeightsAndCapacities": four });
        aws.call("SageMaker.UpdateEndpointWeightsAndCapacities", &scale, 0.0).expect("it is in service");
        config(&mut aws, "next", "ml.m5.xlarge");
        aws.set_endpoint_takes(60.0);
        aws
    }

    fn deploy(aws: &mut LocalAws, guardrails: Value, now: f64) -> OperationResult {
        let input = json!({ "EndpointName": "Prod", "EndpointConfigName": "next", "DeploymentConfig": guardrails });
        aws.call("SageMaker.UpdateEndpoint", &input, now)
    }

    fn blue_green(routing: Value) -> Value {
        json!({ "BlueGreenUpdatePolicy": { "TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": 7 } })
    }

    fn half(member: &str, kind: &str) -> Value {
        json!({ "Type": kind, "WaitIntervalInSeconds": 100, member: { "Type": "INSTANCE_COUNT", "Value": 1 } })
    }

    #[test]
    fn an_update_takes_as_long_as_its_traffic_shift() {
        let rolling =
            json!({ "MaximumBatchSize": { "Type": "CAPACITY_PERCENT", "Value": 50 }, "WaitIntervalInSeconds": 100 });
        for (guardrails, waits) in [
            (json!({}), 0.0),
            (blue_green(json!({ "Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 100 })), 107.0),
            (blue_green(half("CanarySize", "CANARY")), 207.0),
            (blue_green(half("LinearStepSize", "LINEAR")), 407.0),
            (json!({ "RollingUpdatePolicy": rolling }), 200.0),
        ] {
            let mut aws = four();
            deploy(&mut aws, guardrails.clone(), 10.0).expect("a valid deployment");
            let before = describe_endpoint(&mut aws, 69.0 + waits);
            assert_eq!(
                (&before["EndpointStatus"], &before["EndpointConfigName"]),
                (&json!("Updating"), &json!("large"))
            );
            let after = describe_endpoint(&mut aws, 70.0 + waits);
            assert_eq!((&after["EndpointStatus"], &after["EndpointConfigName"]), (&json!("InService"), &json!("next")));
            assert_eq!(after["LastDeploymentConfig"], guardrails);
        }
    }

    #[test]
    fn only_a_configured_alarm_rolls_a_deployment_back() {
        let mut aws = four();
        let mut guardrails = blue_green(half("CanarySize", "CANARY"));
        guardrails["AutoRollbackConfiguration"] = json!({ "Alarms": [{ "AlarmName": "errors" }] });
        deploy(&mut aws, guardrails, 0.0).expect("a valid deployment");
        aws.trip_alarm("latency", 50.0);
        assert_eq!(describe_endpoint(&mut aws, 50.0)["EndpointStatus"], "Updating");
        aws.call("LocalAws.TripAlarm", &json!({ "AlarmName": "errors" }), 60.0).expect("a name");
        let after = describe_endpoint(&mut aws, 60.0);
        assert_eq!((&after["EndpointStatus"], &after["EndpointConfigName"]), (&json!("InService"), &json!("large")));
        assert!(after["FailureReason"].as_str().is_some_and(|reason| reason.contains("errors")), "{after}");
        // The next update has no alarms unless it retains the configuration.
        let again = json!({ "EndpointName": "Prod", "EndpointConfigName": "next", "RetainDeploymentConfig": true });
        aws.call("SageMaker.UpdateEndpoint", &again, 70.0).expect("it is in service");
        aws.trip_alarm("errors", 80.0);
        assert_eq!(describe_endpoint(&mut aws, 80.0)["EndpointConfigName"], "large");
        let plain = json!({ "EndpointName": "Prod", "EndpointConfigName": "next" });
        aws.call("SageMaker.UpdateEndpoint", &plain, 90.0).expect("it is in service");
        aws.trip_alarm("errors", 95.0);
        assert_eq!(describe_endpoint(&mut aws, 150.0)["EndpointConfigName"], "next");
    }

    #[test]
    fn a_deployment_that_guardrails_exclude_is_rejected() {
        let mut aws = four();
        let size = |value: i64| json!({ "Type": "INSTANCE_COUNT", "Value": value });
        let rolling = |size: Value| json!({ "MaximumBatchSize": size, "WaitIntervalInSeconds": 1 });
        let linear =
            |size: Value| blue_green(json!({ "Type": "LINEAR", "WaitIntervalInSeconds": 1, "LinearStepSize": size }));
        for wrong in [
            json!({ "BlueGreenUpdatePolicy": {} }),
            json!({ "BlueGreenUpdatePolicy": blue_green(half("CanarySize", "CANARY"))["BlueGreenUpdatePolicy"], "RollingUpdatePolicy": rolling(size(1)) }),
            json!({ "RollingUpdatePolicy": rolling(size(3)) }),
            json!({ "RollingUpdatePolicy": rolling(json!({ "Type": "CAPACITY_PERCENT", "Value": 4 })) }),
            json!({ "RollingUpdatePolicy": { "MaximumBatchSize": size(1) } }),
            linear(size(0)),
            linear(size(3)),
            blue_green(json!({ "Type": "LINEAR", "WaitIntervalInSeconds": 1 })),
            blue_green(json!({ "Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 3601 })),
            blue_green(json!({ "Type": "SLOWLY", "WaitIntervalInSeconds": 1 })),
        ] {
            let fault = deploy(&mut aws, wrong.clone(), 0.0).unwrap_err();
            assert_eq!(fault.code, "ValidationException", "{wrong}");
        }
        let green = json!([{ "VariantName": "green", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1 }]);
        let other = json!({ "EndpointConfigName": "green", "ProductionVariants": green });
        aws.call("SageMaker.CreateEndpointConfig", &other, 0.0).expect("a valid configuration");
        let input = json!({
            "EndpointName": "Prod", "EndpointConfigName": "green",
            "DeploymentConfig": blue_green(half("CanarySize", "CANARY")),
        });
        let fault = aws.call("SageMaker.UpdateEndpoint", &input, 0.0).unwrap_err();
        assert!(fault.message.contains("the same variant names"), "{fault}");
    }
}
