//! What an author may write.

use serde_json::Value;

use crate::arn::{config_name, endpoint_name};
use crate::aws::Here;
use crate::id::{EndpointName, UpdateGateId};
use crate::reader::{Collector, Mistakes, Section, text};

/// Reads the properties of a Create or an Update, strictly: every mistake is told.
pub fn read(properties: &Value, here: &Here) -> Result<UpdateGateId, Mistakes> {
    let mistakes = Collector::default();
    let gate = Section::new("", properties, &mistakes).and_then(|section| {
        section.allow_only(&["EndpointConfigName", "EndpointName", "ServiceTimeout", "ServiceToken"], &[]);
        let endpoint = section.required("EndpointName", |value| endpoint_name(text(value)?, Some(here)));
        let config = section.required("EndpointConfigName", |value| config_name(text(value)?, Some(here)));
        Some(UpdateGateId { endpoint: endpoint?, config: config? })
    });
    mistakes.finish(gate)
}

/// The endpoint that properties of any shape name, if they name one.
pub(super) fn named_endpoint(properties: &Value) -> Option<EndpointName> {
    endpoint_name(properties.get("EndpointName")?.as_str()?, None).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_gate_is_read_by_names_and_by_arns() {
        let here = Here { region: "us-east-1".into(), account: Some("111122223333".into()) };
        let gate = |endpoint: &str, config: &str| {
            let properties = json!({"ServiceToken": "x", "EndpointName": endpoint, "EndpointConfigName": config});
            read(&properties, &here).map(|gate| gate.to_string()).map_err(|mistakes| mistakes.to_string())
        };
        assert_eq!(gate("prod", "config-1").unwrap(), "endpoint/prod/config/config-1|update-gate");
        let arn = |resource: &str| format!("arn:aws:sagemaker:us-east-1:111122223333:{resource}");
        let by_arn = gate(&arn("endpoint/prod"), &arn("endpoint-config/config-1"));
        assert_eq!(by_arn.unwrap(), "endpoint/prod/config/config-1|update-gate");
        let told = gate(&arn("endpoint-config/prod"), "a_b").unwrap_err();
        assert!(told.contains("EndpointName: expected the ARN of an endpoint"), "{told}");
        assert!(told.contains("EndpointConfigName: expected an endpoint configuration's name"), "{told}");
        assert_eq!(named_endpoint(&json!({"EndpointName": "prod"})).unwrap().as_str(), "prod");
        assert_eq!(named_endpoint(&json!([])), None);
    }
}
