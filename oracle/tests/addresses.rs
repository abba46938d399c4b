//! Where requests go, in every Region, as botocore's rules and the official client's say. That ours go there, too, is a test
//! of the function's own: `tests/handler/addresses.rs`.

use std::collections::HashMap;

use aws_sdk_sagemaker::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
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

/// Where this fails, the two partition tables differ, and not the rules.
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
