//! The rules, without I/O.

use thiserror::Error;

use crate::aws::ConfiguredVariant;
use crate::id::EndpointConfigName;

/// Why a gate says no. Nothing was changed.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum Refusal {
    /// There is no such configuration.
    #[error("EndpointConfigName: there is no endpoint configuration {0} in this account and Region")]
    ConfigMissing(EndpointConfigName),
    /// CloudFormation no longer waits for the request: its record of the resource says so.
    #[error("CloudFormation no longer waits for this request: the resource is {0}")]
    NotAwaited(String),
}

/// Whether SageMaker would refuse to go from one configuration to the other while a variant is registered: the other
/// has it not, or with another instance type, of which a serverless one has none. A variant that the first one has not
/// is new.
pub(crate) fn is_displaced(variant: &str, from: &[ConfiguredVariant], to: &[ConfiguredVariant]) -> bool {
    let find = |config: &[ConfiguredVariant]| config.iter().find(|has| has.variant_name == variant).cloned();
    find(from).is_some_and(|old| find(to).is_none_or(|new| new.instance_type != old.instance_type))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(variants: &[(&str, Option<&str>)]) -> Vec<ConfiguredVariant> {
        let variant = |(name, instance_type): &(&str, Option<&str>)| ConfiguredVariant {
            variant_name: (*name).to_owned(),
            instance_type: instance_type.map(str::to_owned),
        };
        variants.iter().map(variant).collect()
    }

    #[test]
    fn another_instance_type_and_a_removal_displace_a_variant_and_nothing_else_does() {
        let from = config(&[("a", Some("ml.m5.large")), ("b", Some("ml.m5.large")), ("s", None), ("t", None)]);
        let to = config(&[("a", Some("ml.m5.xlarge")), ("s", None), ("t", Some("ml.m5.large")), ("new", None)]);
        let displaced = |variant| is_displaced(variant, &from, &to);
        assert!(displaced("a") && displaced("b") && displaced("t"));
        assert!(!displaced("s") && !displaced("new") && !displaced("unknown"));
        assert!(!is_displaced("a", &from, &from));
    }
}
