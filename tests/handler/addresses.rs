//! Where requests of the small client go, in every Region, as botocore's rules say.

use std::collections::HashMap;

use aws_types::SdkConfig;
use aws_types::region::Region;
use sagemaker_scaling::aws::json::{APPLICATION_AUTO_SCALING, CLOUDFORMATION, JsonClient, SAGEMAKER, SSM, Service};
use serde::Deserialize;

/// What `oracle/botocore_endpoints.py` writes: a service's rows by the name that botocore has for it.
#[derive(Deserialize)]
struct Table {
    botocore: String,
    #[serde(flatten)]
    services: HashMap<String, Vec<Row>>,
}

/// The settings, and where they lead in botocore: nowhere, if it calls them an error.
#[derive(Debug, Deserialize)]
struct Row {
    region: Option<String>,
    fips: bool,
    dual_stack: bool,
    endpoint: Option<String>,
    url: Option<String>,
}

impl Row {
    async fn our_address(&self, service: Service) -> Option<String> {
        let mut config = SdkConfig::builder();
        config
            .set_region(self.region.clone().map(Region::new))
            .set_use_fips(Some(self.fips))
            .set_use_dual_stack(Some(self.dual_stack))
            .set_endpoint_url(self.endpoint.clone());
        JsonClient::new(service, &config.build()).address().await.ok()
    }
}

#[tokio::test]
async fn every_address_is_the_one_of_botocore() {
    let table: Table =
        serde_json::from_str(include_str!("../../oracle/botocore-endpoints.json")).expect("the table is complete");
    let mut differences = Vec::new();
    for (name, service) in [
        ("application-autoscaling", APPLICATION_AUTO_SCALING),
        ("cloudformation", CLOUDFORMATION),
        ("sagemaker", SAGEMAKER),
        ("ssm", SSM),
    ] {
        for row in &table.services[name] {
            let ours = row.our_address(service).await;
            if ours != row.url {
                differences.push(format!("{name}: {ours:?} for {row:?}"));
            }
        }
    }
    assert!(differences.is_empty(), "botocore {} disagrees:\n{}", table.botocore, differences.join("\n"));
}
