//! Endpoints, inference components and endpoint configurations, as SageMaker describes them.

use super::id::ScalableTargetId;

/// An endpoint.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Endpoint {
    /// Its name, in the spelling of its creation.
    pub name: String,
    /// The name of the configuration that it runs. While it is updated, this is still the previous one.
    pub config: String,
    /// Its `EndpointStatus`.
    pub status: String,
    /// Its `FailureReason`.
    pub failure_reason: Option<String>,
    /// The names of its production variants.
    pub variants: Vec<String>,
    /// Whether it serves asynchronous requests, and so can scale to zero instances.
    pub asynchronous: bool,
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

    /// Whether it runs a configuration.
    pub fn runs(&self, config: &str) -> bool {
        self.config.eq_ignore_ascii_case(config)
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
    /// Its `InferenceComponentStatus`.
    pub status: String,
    /// Its `FailureReason`.
    pub failure_reason: Option<String>,
}

/// A production variant of an endpoint configuration.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ConfiguredVariant {
    /// Its name.
    pub name: String,
    /// Its instance type. A serverless variant has none.
    pub instance_type: Option<String>,
}

/// Whether SageMaker rejects the update of an endpoint from one configuration to another while a variant is a registered
/// scalable target. It does if the update removes the variant or changes its instance type.
///
/// A variant that the first configuration does not have is new, and blocks nothing.
///
/// <https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-scaling-update.html>
pub fn blocks_update(variant: &str, from: &[ConfiguredVariant], to: &[ConfiguredVariant]) -> bool {
    let find = |config: &[ConfiguredVariant]| config.iter().find(|has| has.name == variant).cloned();
    find(from).is_some_and(|old| find(to).is_none_or(|new| new.instance_type != old.instance_type))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(variants: &[(&str, Option<&str>)]) -> Vec<ConfiguredVariant> {
        let variant = |(name, instance_type): &(&str, Option<&str>)| ConfiguredVariant {
            name: (*name).to_owned(),
            instance_type: instance_type.map(str::to_owned),
        };
        variants.iter().map(variant).collect()
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
            let status = status.to_owned();
            Endpoint { name, config, status, failure_reason: None, variants: Vec::new(), asynchronous: false }
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
