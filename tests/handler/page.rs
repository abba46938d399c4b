//! The page "Register a model" is the specification: the request on the wire is the one on the page.
//!
//! <https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-add-policy.html>. The state that the page's
//! command leaves is compared in `tests/e2e`.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use test_support::account::owned_by;
use test_support::attached::merged;
use test_support::function::{DECLARED_TAG, Deadline, handle, services, shipped_connector};
use test_support::loopback::{Act, Server};
use test_support::request::{MY_VARIANT, STACK, create};

#[tokio::test]
async fn the_request_for_one_to_eight_instances_is_that_of_the_page() {
    let endpoint = json!({"EndpointStatus": "InService", "ProductionVariants": [{"VariantName": "MyVariant"}]});
    let registered =
        json!({"ScalableTargetARN": "arn:aws:application-autoscaling:us-east-1:111122223333:scalable-target/1"});
    let reply = |body: Value| Act::json(200, body.to_string());
    let aws = Server::start(vec![reply(endpoint), reply(registered)]).await;
    let answers = Server::start(vec![Act::status(200)]).await;

    let request = create().field("ResponseURL", json!(format!("http://127.0.0.1:{}/", answers.port)));
    let services = services(shipped_connector(), Some(&format!("http://127.0.0.1:{}", aws.port)));
    let deadline = Deadline::new(SystemTime::now() + Duration::from_secs(20));
    handle(&request.0.to_string(), "function-arn", deadline, &services).await.unwrap();

    let [describe, register] = &aws.received()[..] else { panic!("two calls: {:?}", aws.received()) };
    assert_eq!(describe.header("x-amz-target"), Some("SageMaker.DescribeEndpoint"));
    assert_eq!(describe.body, r#"{"EndpointName":"MyEndPoint"}"#);

    assert_eq!(register.line(), "POST / HTTP/1.1");
    assert_eq!(register.header("x-amz-target"), Some("AnyScaleFrontendService.RegisterScalableTarget"));
    assert_eq!(register.header("content-type"), Some("application/x-amz-json-1.1"));
    let authorization = register.header("authorization").unwrap();
    assert!(authorization.contains("/us-east-1/application-autoscaling/aws4_request"), "{authorization}");
    let expected = json!({
        "ServiceNamespace": "sagemaker",
        "ResourceId": MY_VARIANT,
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
        "MinCapacity": 1,
        "MaxCapacity": 8,
        // Not on the page: the owner, and what it declares.
        "Tags": merged(owned_by(STACK, "Scaling"), &json!({ DECLARED_TAG: "1 2PAka 1-8 ---" })),
    });
    assert_eq!(serde_json::from_str::<Value>(&register.body).unwrap(), expected);
    assert_eq!(serde_json::from_str::<Value>(&answers.received()[0].body).unwrap()["Status"], "SUCCESS");
}
