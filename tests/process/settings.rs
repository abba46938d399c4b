//! Settings of the process that are not Lambda's.

use std::fs;

use serde_json::json;
use test_support::request::{create, delete};

use crate::support::lambda::{Age, BOOTSTRAP, Ended, Lambda};
use crate::support::world::World;

#[test]
fn a_profile_may_name_application_auto_scaling_as_aws_documents_it_or_as_the_sdk_reads_it() {
    for service in ["application_auto_scaling", "application-auto-scaling"] {
        let world = World::start();
        let here = format!("http://127.0.0.1:{}", world.port);
        let file = format!("{}/{service}-{}", env!("CARGO_TARGET_TMPDIR"), world.port);
        // Nothing listens at the address of all other services.
        let profile = format!(
            "[default]\nendpoint_url = http://127.0.0.1:1\nservices = local\n\
             [services local]\nsagemaker =\n  endpoint_url = {here}\n{service} =\n  endpoint_url = {here}\n"
        );
        fs::write(&file, profile).expect("a folder for tests");
        let unset = ["AWS_ENDPOINT_URL_APPLICATION_AUTO_SCALING", "AWS_ENDPOINT_URL_SAGEMAKER"];
        let program = ["/usr/bin/env", "-u", unset[0], "-u", unset[1], BOOTSTRAP];
        let mut lambda = Lambda::with(&world, &program, &[("AWS_CONFIG_FILE", &file)]);
        // Different clients register and deregister.
        for request in [create(), delete()] {
            assert_eq!(lambda.invoke(&lambda.event(&request, Age::Late)), Ended::Response);
            let answer = world.answer();
            assert_eq!(answer["Status"], json!("SUCCESS"), "{service}: {answer}");
        }
        assert!(world.state_of_targets().is_empty());
        fs::remove_file(&file).expect("it was written");
    }
}
