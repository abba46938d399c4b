//! Where requests go, in every Region, as botocore's rules and the official client's say.

use std::collections::HashMap;

use aws_sdk_sagemaker::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
use aws_types::SdkConfig;
use aws_types::region::Region;
use sagemaker_scaling::aws::json::{CLOUDFORMATION, JsonClient, SAGEMAKER, Service};
use serde::Deserialize;

/// What `botocore_endpoints.py` writes: a service's rows by the name that botocore has for it.
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

    async fn official_address(&self) -> Option<String> {
        let params = Params::builder()
            .set_region(self.region.clone())
            .use_fips(self.fips)
            .use_dual_stack(self.dual_stack)
            .set_endpoint(self.endpoint.clone())
            .build()
            .expect("nothing is required");
        let endpoint = DefaultResolver::new().resolve_endpoint(&params).await.ok()?;
        Some(endpoint.url().to_owned())
    }
}

fn table() -> Table {
    serde_json::from_str(include_str!("../botocore-endpoints.json")).expect("the table is complete")
}

#[tokio::test]
async fn every_address_is_the_one_of_botocore() {
    let table = table();
    let mut differences = Vec::new();
    for (name, service) in [("cloudformation", CLOUDFORMATION), ("sagemaker", SAGEMAKER)] {
        for row in &table.services[name] {
            let ours = row.our_address(service).await;
            if ours != row.url {
                differences.push(format!("{name}: {ours:?} for {row:?}"));
            }
        }
    }
    assert!(differences.is_empty(), "botocore {} disagrees:\n{}", table.botocore, differences.join("\n"));
}

/// Where this fails, and ours is the official one, the two partition tables differ, and not the rules.
#[tokio::test]
async fn every_address_of_botocore_is_the_official_one() {
    let table = table();
    let mut differences = Vec::new();
    for row in &table.services["sagemaker"] {
        let official = row.official_address().await;
        if official != row.url {
            differences.push(format!("{official:?} for {row:?}"));
        }
    }
    assert!(differences.is_empty(), "botocore {} disagrees:\n{}", table.botocore, differences.join("\n"));
}
