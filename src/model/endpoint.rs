//! Endpoints, inference components and endpoint configurations, as SageMaker describes them.

use serde_json::Value;

use super::id::ScalableTargetId;
use super::scalable_dimension::VariantDimension;

/// An endpoint.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Endpoint {
    /// Its name, in the spelling of its creation. Assumed (belief endpoint-name-case): any spelling finds it.
    pub name: String,
    /// The name of the configuration that it runs. While it is updated, this is still the previous one.
    pub config: String,
    /// Its `EndpointStatus`.
    pub status: String,
    /// Its `FailureReason`.
    pub failure_reason: Option<String>,
    /// The names of its production variants.
    pub variants: Vec<String>,
    /// The names of those variants whose instances SageMaker scales itself: see [`manages_instances_of`](Self::manages_instances_of).
    pub managed_variants: Vec<String>,
    /// Whether it serves asynchronous requests, and so can scale to zero instances.
    pub asynchronous: bool,
    /// When it was created, in seconds since the epoch. An endpoint that is deleted and created anew is another one.
    pub created: Option<i64>,
}

impl Endpoint {
    /// Whether its status is settled, that is, does not change by itself: it is in service, has failed, or is being deleted.
    ///
    /// <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeEndpoint.html> lists the statuses. A
    /// status that is not known here counts as changing.
    pub fn is_settled(&self) -> bool {
        matches!(self.status.as_str(), "Deleting" | "Failed" | "InService" | "OutOfService" | "UpdateRollbackFailed")
    }

    /// Whether it is settled, and stays: it is not being deleted.
    pub fn is_stable(&self) -> bool {
        self.is_settled() && self.status != "Deleting"
    }

    /// Whether it runs a configuration. Assumed (beliefs old-config-while-updating, guardrails-shift): not yet while it is
    /// updated to it.
    pub fn runs(&self, config: &str) -> bool {
        self.config.eq_ignore_ascii_case(config)
    }

    /// Whether SageMaker scales the instances of a target's variant itself, by `ManagedInstanceScaling`. It does so for the
    /// inference components on it.
    ///
    /// <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ProductionVariantManagedInstanceScaling.html>
    pub fn manages_instances_of(&self, target: &ScalableTargetId) -> bool {
        match target {
            ScalableTargetId::Variant { variant, dimension: VariantDimension::InstanceCount, .. } => {
                self.managed_variants.iter().any(|managed| managed == variant.as_str())
            }
            ScalableTargetId::InferenceComponent(_) | ScalableTargetId::Variant { .. } => false,
        }
    }

    /// Whether it has the variant of a target.
    pub fn has_variant_of(&self, target: &ScalableTargetId) -> bool {
        match target {
            ScalableTargetId::InferenceComponent(_) => false,
            ScalableTargetId::Variant { variant, .. } => self.variants.iter().any(|has| has == variant.as_str()),
        }
    }
}

/// An inference component.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct InferenceComponent {
    /// Its `InferenceComponentStatus`, which the API does not promise.
    pub status: Option<String>,
    /// Its `FailureReason`.
    pub failure_reason: Option<String>,
}

/// A production variant of an endpoint configuration: its name, and what may block an update. A serverless variant has
/// neither instance type nor pools.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ConfiguredVariant {
    /// Its name.
    pub name: String,
    /// Its `InstanceType`.
    pub instance_type: Option<String>,
    /// Its `InstancePools`, with every member that the service describes.
    pub instance_pools: Vec<Value>,
}

/// Whether SageMaker may reject the update of an endpoint from one configuration to another while a variant is a
/// registered scalable target. It does if the update removes the variant or changes its instance type.
///
/// Assumed (beliefs update-refused, update-refused-pools): it does for changed instance pools, too. They count as a changed type,
/// because a needless snapshot is harmless, and a rejected update is not. A variant that the first configuration does not have is
/// new, and blocks nothing. Other settings of a serverless variant do not block either; assumed (belief serverless-update).
///
/// <https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-scaling-update.html>
pub fn blocks_update(variant: &str, from: &[ConfiguredVariant], to: &[ConfiguredVariant]) -> bool {
    let find = |config: &[ConfiguredVariant]| config.iter().find(|has| has.name == variant).cloned();
    find(from).is_some_and(|old| find(to).is_none_or(|new| new != old))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn config(variants: &[(&str, Option<&str>)]) -> Vec<ConfiguredVariant> {
        let variant = |(name, instance_type): &(&str, Option<&str>)| ConfiguredVariant {
            name: (*name).to_owned(),
            instance_type: instance_type.map(str::to_owned),
            instance_pools: Vec::new(),
        };
        variants.iter().map(variant).collect()
    }

    #[test]
    fn a_change_of_instance_pools_blocks_an_update_like_a_changed_instance_type() {
        let of = |instance_type: Option<&str>, pools: Value| {
            let [mut variant] = <[_; 1]>::try_from(config(&[("a", instance_type)])).unwrap();
            variant.instance_pools = pools.as_array().unwrap().clone();
            [variant]
        };
        let pool = |kind: &str, priority: u8| json!({ "InstanceType": kind, "Priority": priority });
        let two = of(None, json!([pool("ml.g6.2xlarge", 1), pool("ml.g6e.2xlarge", 2)]));
        let mut other_model = pool("ml.g6.2xlarge", 1);
        other_model["ModelNameOverride"] = json!("compiled");
        for other in [
            of(None, json!([pool("ml.g6.2xlarge", 1)])),
            of(None, json!([pool("ml.g6.2xlarge", 2), pool("ml.g6e.2xlarge", 1)])),
            of(None, json!([other_model, pool("ml.g6e.2xlarge", 2)])),
            // An instance type, and a serverless variant.
            of(Some("ml.g6.2xlarge"), json!([])),
            of(None, json!([])),
        ] {
            assert!(blocks_update("a", &two, &other) && blocks_update("a", &other, &two), "{other:?}");
        }
        assert!(!blocks_update("a", &two, &two));
    }

    #[test]
    fn a_changed_instance_type_and_a_removal_block_an_update_and_nothing_else_does() {
        let from = config(&[("a", Some("ml.m5.large")), ("b", Some("ml.m5.large")), ("s", None), ("t", None)]);
        let to = config(&[("a", Some("ml.m5.xlarge")), ("s", None), ("t", Some("ml.m5.large")), ("new", None)]);
        let blocks = |variant| blocks_update(variant, &from, &to);
        assert!(blocks("a") && blocks("b") && blocks("t"));
        assert!(!blocks("s") && !blocks("new") && !blocks("unknown"));
        assert!(!blocks_update("a", &from, &from));
    }

    #[test]
    fn an_endpoint_is_settled_in_some_statuses_only() {
        let settled = |status: &str| {
            let (name, config) = ("e".to_owned(), "c".to_owned());
            let (variants, managed_variants) = (Vec::new(), Vec::new());
            let status = status.to_owned();
            Endpoint {
                name,
                config,
                status,
                failure_reason: None,
                variants,
                managed_variants,
                asynchronous: false,
                created: None,
            }
            .is_settled()
        };
        for status in ["Creating", "Updating", "SystemUpdating", "RollingBack", "SomethingNew"] {
            assert!(!settled(status), "{status}");
        }
        for status in ["InService", "Failed", "Deleting", "OutOfService", "UpdateRollbackFailed"] {
            assert!(settled(status), "{status}");
        }
    }
}
