//! Compares botocore's and the official client's addresses in every Region. The function's own test compares its
//! addresses with botocore's: `tests/handler/addresses.rs`.

use aws_sdk_sagemaker::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};

use crate::botocore::{Row, table};

async fn official_address(row: &Row) -> Option<String> {
    let params = Params::builder()
        .set_region(row.region.clone())
        .use_fips(row.fips)
        .use_dual_stack(row.dual_stack)
        .set_endpoint(row.endpoint.clone())
        .build()
        .expect("nothing is required");
    let endpoint = DefaultResolver::new().resolve_endpoint(&params).await.ok()?;
    Some(endpoint.url().to_owned())
}

/// If this fails, the two partition tables differ, and not the rules.
#[tokio::test]
async fn every_address_of_botocore_is_the_official_one() {
    let table = table();
    let mut differences = Vec::new();
    for row in &table.services["sagemaker"] {
        let official = official_address(row).await;
        if official != row.url {
            differences.push(format!("{official:?} for {row:?}"));
        }
    }
    assert!(differences.is_empty(), "botocore {} disagrees:\n{}", table.botocore, differences.join("\n"));
}
