//! How Application Auto Scaling checks and changes SageMaker's resources when a target is registered.

use std::ops::RangeInclusive;

use serde_json::json;

use crate::protocol::fault::Fault;
use crate::state::LocalAws;
use crate::state::endpoint::{Change, ChangeOutcome, EndpointStatus};
use crate::state::scalable_target::{Dimension, Resource, TargetId};
use crate::state::scaling_activity::ScalingActivity;

impl LocalAws {
    /// Rejects a resource that does not exist in SageMaker, or cannot be scaled.
    ///
    /// Assumed (beliefs register-missing, register-creating, register-updating, serverless-dimension, component-copies,
    /// error-texts): the variant or component must exist; its endpoint may be creating or updating; the dimension must suit
    /// the variant; the texts.
    pub(crate) fn check_scalable(&self, TargetId { resource, dimension }: &TargetId) -> Result<(), Fault> {
        let missing = || Fault::validation(format!("The resource {resource} does not exist"));
        let (endpoint, variant) = match resource {
            Resource::Component(name) => return self.inference_components.get(name).map(|_| ()).ok_or_else(missing),
            Resource::Variant { endpoint, variant } => (endpoint, variant),
        };
        let endpoint = self.endpoints.get(&endpoint.to_ascii_lowercase()).ok_or_else(missing)?;
        let endpoint = Some(endpoint).filter(|endpoint| endpoint.status != EndpointStatus::Deleting);
        let variant = endpoint.and_then(|endpoint| endpoint.variant(variant)).ok_or_else(missing)?;
        if variant.serverless.is_some() != (*dimension == Dimension::ProvisionedConcurrency) {
            return Err(Fault::validation(format!("The resource {resource} cannot be scaled in this dimension")));
        }
        // https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-add-console.html has the rule,
        // https://github.com/aws-controllers-k8s/community/pull/1633 the beginning of the text. Assumed (belief burstable):
        // the rule covers the families ml.t2, ml.t3 and so on, and each instance pool.
        let is_burstable =
            |name: &&str| name.strip_prefix("ml.t").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        match variant.instance_types().find(is_burstable) {
            Some(name) => Err(Fault::validation(format!(
                "You cannot register a variant with {name} instance type as a scalable target"
            ))),
            None => Ok(()),
        }
    }

    /// Moves the capacity of a resource that is in service into the range.
    pub(crate) fn clamp_capacity(&mut self, id: &TargetId, range: &RangeInclusive<i64>, now: f64) {
        let clamped = |capacity: i64| capacity.clamp(*range.start(), *range.end());
        match &id.resource {
            Resource::Component(name) => {
                if let Some(component) = self.inference_components.get_mut(name) {
                    component.copies = clamped(component.copies);
                }
            }
            Resource::Variant { endpoint, variant } => {
                let Some(endpoint) = self.endpoints.get_mut(&endpoint.to_ascii_lowercase()) else { return };
                let mut to = endpoint.deployed.clone();
                let Some(variant) = to.variants.iter_mut().find(|known| known.name == *variant) else { return };
                if endpoint.status == EndpointStatus::InService && clamped(variant.current) != variant.current {
                    let desired = clamped(variant.current);
                    variant.desired = desired;
                    let ends = now + self.endpoint_takes;
                    // Users report texts such as these. Assumed (belief activity-texts): the cause.
                    let limit = if desired == *range.start() { "minimum" } else { "maximum" };
                    let members = json!({
                        "Description": format!("Setting desired instance count to {desired}."),
                        "Cause": format!("{limit} capacity was set to {desired}"),
                        "StatusCode": "Successful",
                        "StatusMessage": format!(
                            "Successfully set desired instance count to {desired}. Change successfully fulfilled by sagemaker."
                        ),
                    });
                    self.scaling_activities.push(ScalingActivity {
                        target: id.clone(),
                        started: now,
                        ended: Some(ends),
                        members: members.as_object().cloned().unwrap_or_default(),
                    });
                    let change = Change {
                        started: now,
                        ends,
                        to: Some(to),
                        outcome: ChangeOutcome::Succeed,
                        alarms: Vec::new(),
                    };
                    endpoint.begin(EndpointStatus::Updating, change);
                }
            }
        }
    }
}
