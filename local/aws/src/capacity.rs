//! What registering a scalable target asks of SageMaker, and does to it.

use std::ops::RangeInclusive;

use crate::life_cycle::{Change, EndpointStatus, Fate};
use crate::scalable_targets::{Dimension, Resource, TargetId};
use crate::{Fault, LocalAws};

impl LocalAws {
    /// Refuses to register what SageMaker does not have, or cannot scale.
    ///
    /// Believed, as AWS documents none of it: that the variant has to exist, that it may still be creating or updating,
    /// that the dimension has to suit it, and the texts.
    pub(crate) fn check_scalable(&self, TargetId { resource, dimension }: &TargetId) -> Result<(), Fault> {
        let missing = || Fault::validation(format!("The resource {resource} does not exist"));
        let (endpoint, variant) = match resource {
            Resource::Component(name) => return self.components.get(name).map(|_| ()).ok_or_else(missing),
            Resource::Variant { endpoint, variant } => (endpoint, variant),
        };
        let endpoint = self.endpoints.get(&endpoint.to_ascii_lowercase()).ok_or_else(missing)?;
        let endpoint = Some(endpoint).filter(|endpoint| endpoint.status != EndpointStatus::Deleting);
        let variant = endpoint.and_then(|endpoint| endpoint.variant(variant)).ok_or_else(missing)?;
        if variant.serverless.is_some() != (*dimension == Dimension::ProvisionedConcurrency) {
            return Err(Fault::validation(format!("The resource {resource} cannot be scaled in this dimension")));
        }
        // https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-add-console.html has the rule,
        // https://github.com/aws-controllers-k8s/community/pull/1633 the text, which goes on. Believed: these are the
        // families ml.t2, ml.t3 and so on.
        match variant.instance_type.as_deref() {
            Some(name)
                if name.strip_prefix("ml.t").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) =>
            {
                Err(Fault::validation(format!(
                    "You cannot register a variant with {name} instance type as a scalable target"
                )))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Moves the capacity of what is in service into the range, and leaves what is not in service alone.
    pub(crate) fn move_into_range(&mut self, id: &TargetId, range: &RangeInclusive<i64>, now: f64) {
        let moved = |capacity: i64| capacity.clamp(*range.start(), *range.end());
        match &id.resource {
            Resource::Component(name) => {
                if let Some(component) = self.components.get_mut(name) {
                    component.copies = moved(component.copies);
                }
            }
            Resource::Variant { endpoint, variant } => {
                let Some(endpoint) = self.endpoints.get_mut(&endpoint.to_ascii_lowercase()) else { return };
                let mut to = endpoint.deployed.clone();
                let Some(variant) = to.variants.iter_mut().find(|known| known.name == *variant) else { return };
                if endpoint.status == EndpointStatus::InService && moved(variant.current) != variant.current {
                    variant.desired = moved(variant.current);
                    let done = now + self.endpoint_takes;
                    let change = Change { started: now, done, to: Some(to), fate: Fate::Succeed };
                    endpoint.begin(EndpointStatus::Updating, change);
                }
            }
        }
    }
}
