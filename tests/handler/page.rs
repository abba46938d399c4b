//! The page "Register a model" is the specification: the request on the wire is the one that it shows.
//!
//! <https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-add-policy.html>. The state that the page's
//! command leaves is compared in `tests/e2e`.

use std::time::{Duration, SystemTime};

use sagemaker_scaling::deadline::Deadline;
use sagemaker_scaling::handler::handle;
use sagemaker_scaling::http;
use serde_json::{Value, json};

use crate::support::request::{STACK, create};
use crate::support::services;
use crate::support::socket::{Act, Server};

#[tokio::test]
async fn the_request_for_one_to_eight_instances_is_the_pages() {
    let endpoint = json!({"EndpointStatus": "InService", "ProductionVariants": [{"VariantName": "MyVariant"}]});
    let registered =
        json!({"ScalableTargetARN": "arn:aws:application-autoscaling:us-east-1:111122223333:scalable-target/1"});
    let reply = |body: Value| Act::Reply(200, "Content-Type: application/x-amz-json-1.1\r\n", body.to_string());
    let aws = Server::start(vec![reply(endpoint), reply(registered)]).await;
    let answers = Server::start(vec![Act::Reply(200, "", String::new())]).await;

    let request = create().field("ResponseURL", json!(format!("http://127.0.0.1:{}/", answers.port)));
    let services = services(http::client(http::Roots::bundled()).0, Some(&format!("http://127.0.0.1:{}", aws.port)));
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
        "ResourceId": "endpoint/MyEndPoint/variant/MyVariant",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
        "MinCapacity": 1,
        "MaxCapacity": 8,
        // What the design adds: who registered it.
        "Tags": {"sagemaker-scaling:stack-id": STACK, "sagemaker-scaling:logical-id": "Scaling"},
    });
    assert_eq!(serde_json::from_str::<Value>(&register.body).unwrap(), expected);
    assert_eq!(serde_json::from_str::<Value>(&answers.received()[0].body).unwrap()["Status"], "SUCCESS");
}
