//! Where requests of the small client go, in every Region, as botocore's rules say.

use aws_types::SdkConfig;
use aws_types::region::Region;
use sagemaker_scaling::aws::client::{ServiceClient, autoscaling_address};
use sagemaker_scaling::aws::protocol::{CLOUDFORMATION, SAGEMAKER, SSM, Service};

#[path = "../../dev/oracle/tests/botocore.rs"]
mod botocore;

use botocore::Row;

async fn our_address(row: &Row, service: Option<Service>) -> Option<String> {
    let mut config = SdkConfig::builder();
    config
        .set_region(row.region.clone().map(Region::new))
        .set_use_fips(Some(row.fips))
        .set_use_dual_stack(Some(row.dual_stack))
        .set_endpoint_url(row.endpoint.clone());
    let config = config.build();
    match service {
        Some(service) => ServiceClient::new(service, &config).address().await.ok(),
        None => autoscaling_address(&config).await.ok(),
    }
}

#[tokio::test]
async fn every_address_is_the_one_of_botocore() {
    let table = botocore::table();
    let mut differences = Vec::new();
    for (name, service) in [
        ("application-autoscaling", None),
        ("cloudformation", Some(CLOUDFORMATION)),
        ("sagemaker", Some(SAGEMAKER)),
        ("ssm", Some(SSM)),
    ] {
        for row in &table.services[name] {
            let ours = our_address(row, service).await;
            if ours != row.url {
                differences.push(format!("{name}: {ours:?} for {row:?}"));
            }
        }
    }
    assert!(differences.is_empty(), "botocore {} disagrees:\n{}", table.botocore, differences.join("\n"));
}
