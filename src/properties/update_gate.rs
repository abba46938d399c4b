//! The properties of a `Custom::SageMakerEndpointUpdateGate`.

use serde_json::Value;

use super::reader::CLOUDFORMATIONS_OWN;
use super::reader::{Collector, Mistakes, Section, boolean, text};
use crate::model::{Location, UpdateGateId, config_name, endpoint_name};

/// A gate as its author declares it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UpdateGate {
    /// The endpoint, and the configuration that it shall run.
    pub id: UpdateGateId,
    /// Whether the gate may deregister targets that other stacks of this function own.
    pub include_other_stacks: bool,
}

impl UpdateGate {
    /// Reads the properties of a Create or an Update. Returns every mistake.
    pub fn read(properties: &Value, location: &Location) -> Result<Self, Mistakes> {
        Collector::default().read(properties, |section| Self::from_section(section, location))
    }

    pub(super) fn from_section(section: &Section<'_>, location: &Location) -> Option<Self> {
        section.ignore(&CLOUDFORMATIONS_OWN);
        let endpoint = section.required("EndpointName", |value| endpoint_name(text(value)?, Some(location)));
        let config = section.required("EndpointConfigName", |value| config_name(text(value)?, Some(location)));
        let include_other_stacks = section.optional("IncludeOtherStacks", boolean).ok()?.unwrap_or(false);
        Some(Self { id: UpdateGateId { endpoint: endpoint?, config: config? }, include_other_stacks })
    }
}

/// The gate that properties of any shape declare.
pub fn declared_gate(properties: &Value) -> Option<UpdateGateId> {
    let text = |name: &str| properties.get(name)?.as_str();
    let endpoint = endpoint_name(text("EndpointName")?, None).ok()?;
    Some(UpdateGateId { endpoint, config: config_name(text("EndpointConfigName")?, None).ok()? })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_gate_is_given_by_names_or_by_arns() {
        let location = Location { region: "us-east-1".into(), account: Some("111122223333".into()) };
        let gate = |endpoint: &str, config: &str| {
            let properties = json!({"ServiceToken": "x", "EndpointName": endpoint, "EndpointConfigName": config});
            UpdateGate::read(&properties, &location)
                .map(|gate| gate.id.to_string())
                .map_err(|mistakes| mistakes.to_string())
        };
        assert_eq!(gate("prod", "config-1").unwrap(), "endpoint/prod/config/config-1|update-gate");
        let arn = |resource: &str| format!("arn:aws:sagemaker:us-east-1:111122223333:{resource}");
        let by_arn = gate(&arn("endpoint/prod"), &arn("endpoint-config/config-1"));
        assert_eq!(by_arn.unwrap(), "endpoint/prod/config/config-1|update-gate");
        let told = gate(&arn("endpoint-config/prod"), "a_b").unwrap_err();
        assert!(told.contains("EndpointName: expected the ARN of an endpoint"), "{told}");
        assert!(told.contains("EndpointConfigName: expected an endpoint configuration's name"), "{told}");
        let declared = declared_gate(&json!({"EndpointName": "prod", "EndpointConfigName": "c"})).unwrap();
        assert_eq!(declared.to_string(), "endpoint/prod/config/c|update-gate");
        assert_eq!(declared_gate(&json!([])), None);
    }

    #[test]
    fn a_gate_leaves_other_stacks_alone_unless_it_says_so() {
        let location = Location { region: "us-east-1".into(), account: None };
        let gate = |include: Value| {
            let properties = json!({"EndpointName": "e", "EndpointConfigName": "c", "IncludeOtherStacks": include});
            UpdateGate::read(&properties, &location).map(|gate| gate.include_other_stacks)
        };
        assert_eq!(gate(Value::Null), Ok(false));
        assert_eq!(gate(json!("true")), Ok(true));
        let told = gate(json!("all")).unwrap_err().to_string();
        assert_eq!(told, "IncludeOtherStacks: expected true or false, found \"all\"");
    }
}
