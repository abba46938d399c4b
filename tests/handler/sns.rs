//! Requests through an SNS topic: one answer for each record.

use serde_json::{Value, json};
use test_support::account::Account as _;
use test_support::request::{Request, create, delete, update};

use crate::support::world::{Trouble, World};

/// The event that Lambda delivers for some messages.
fn event(requests: &[Request]) -> String {
    let record = |request: &Request| {
        json!({
            "EventSource": "aws:sns",
            "EventVersion": "1.0",
            "EventSubscriptionArn": "arn:aws:sns:eu-west-1:444455556666:scaling:1",
            "Sns": {
                "Type": "Notification",
                "TopicArn": "arn:aws:sns:eu-west-1:444455556666:scaling",
                "Subject": "AWS CloudFormation custom resource request",
                "Message": request.0.to_string(),
            },
        })
    };
    json!({ "Records": requests.iter().map(record).collect::<Vec<_>>() }).to_string()
}

/// A Create from a stack of another account and Region.
fn from_another_account(variant: &str) -> Request {
    create()
        .field("StackId", json!("arn:aws:cloudformation:eu-west-1:444455556666:stack/demo/1"))
        .field("RequestId", json!(variant))
        .with("VariantName", json!(variant))
}

#[tokio::test(start_paused = true)]
async fn the_message_of_an_sns_record_is_the_request() {
    let world = World::new();
    world.invoke(&event(&[from_another_account("MyVariant")])).await.expect("an answer is accepted");
    let answer = world.last_answer();
    assert_eq!((&answer["Status"], &answer["RequestId"]), (&json!("SUCCESS"), &json!("MyVariant")), "{answer}");
    assert_eq!((world.puts(), world.registered().len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn the_example_event_of_sns_is_answered() {
    let world = World::new();
    world.invoke(include_str!("../../events/sns/create.json")).await.expect("an answer is accepted");
    assert_eq!(world.last_answer()["Status"], "SUCCESS", "{}", world.last_answer());
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_is_one_of_the_functions_account_and_region_wherever_the_stack_is() {
    let arn = |place: &str| json!(format!("arn:aws:sagemaker:{place}:endpoint/myendpoint"));
    let world = World::new();
    let of_the_function = from_another_account("MyVariant").with("EndpointName", arn("us-east-1:111122223333"));
    world.invoke(&event(&[of_the_function])).await.expect("an answer is accepted");
    assert_eq!(world.last_answer()["Status"], "SUCCESS", "{}", world.last_answer());
    let of_the_stack = from_another_account("MyVariant").with("EndpointName", arn("eu-west-1:444455556666"));
    world.invoke(&event(&[of_the_stack])).await.expect("an answer is accepted");
    assert_eq!(world.last_answer()["Status"], "FAILED");
}

#[tokio::test(start_paused = true)]
async fn each_of_several_sns_records_is_answered() {
    let world = World::new();
    world
        .invoke(&event(&[from_another_account("MyVariant"), from_another_account("MyOtherVariant")]))
        .await
        .expect("the answers are accepted");
    assert_eq!((world.puts(), world.registered().len()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_record_that_cannot_be_answered_fails_the_invocation_and_the_others_are_answered() {
    let world = World::new();
    let unanswerable = create().without("ResponseURL");
    world
        .invoke(&event(&[unanswerable, from_another_account("MyVariant")]))
        .await
        .expect_err("a request cannot be answered");
    assert_eq!((world.puts(), world.registered().len()), (1, 1));

    world.trouble_delivering(Trouble::Status(403));
    let again = event(&[from_another_account("MyVariant")]);
    world.invoke(&again).await.expect_err("the answer is rejected");
    world.invoke(&again).await.expect("the second delivery is answered");
    assert_eq!(world.registered().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_record_without_a_message_fails_the_invocation() {
    for records in [json!([]), json!(null), json!([{}]), json!([7]), json!([{ "Sns": { "Message": {} } }]), json!("x")]
    {
        let world = World::new();
        world.invoke(&json!({ "Records": records }).to_string()).await.expect_err("a request cannot be answered");
        assert_eq!(world.puts(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_with_a_field_named_records_is_carried_out() {
    let world = World::new();
    world.succeed(update().field("Records", json!([{ "Sns": { "Message": "{}" } }]))).await;
    world.succeed(create().field("Records", Value::Null)).await;
    world.succeed(delete().field("Records", json!({}))).await;
    assert!(world.registered().is_empty());
}
