//! The addresses of the services in every Region, which are those of botocore's rules.

use aws_types::SdkConfig;
use aws_types::region::Region;

#[path = "../../dev/oracle/tests/botocore.rs"]
mod botocore;

use botocore::Row;
use test_support::function::{APPLICATION_AUTO_SCALING, CLOUDFORMATION, LAMBDA, SAGEMAKER, SSM, SdkTransport, Service};

async fn address_of(row: &Row, service: Service) -> Option<String> {
    let mut config = SdkConfig::builder();
    config
        .set_region(row.region.clone().map(Region::new))
        .set_use_fips(Some(row.fips))
        .set_use_dual_stack(Some(row.dual_stack))
        .set_endpoint_url(row.endpoint.clone());
    SdkTransport::new(service, &config.build()).address().await.ok()
}

#[tokio::test]
async fn the_address_of_every_service_and_region_is_that_of_botocore() {
    let table = botocore::table();
    let mut differences = Vec::new();
    for (name, service) in [
        ("application-autoscaling", APPLICATION_AUTO_SCALING),
        ("cloudformation", CLOUDFORMATION),
        ("lambda", LAMBDA),
        ("sagemaker", SAGEMAKER),
        ("ssm", SSM),
    ] {
        for row in &table.services[name] {
            let address = address_of(row, service).await;
            if address != row.url {
                differences.push(format!("{name}: {address:?} for {row:?}"));
            }
        }
    }
    assert!(differences.is_empty(), "botocore {} disagrees:\n{}", table.botocore, differences.join("\n"));
}
