//! Invalid properties: the reason has property, value and what was expected, and nothing is changed.

use crate::support::world::World;
use serde_json::{Value, json};
use test_support::account::Account as _;
use test_support::request::{ID, NOT_REGISTERED, Request, create, delete, update};

async fn refused(request: Request) -> String {
    let world = World::new();
    world.aws("LocalAws.FailNextEndpoint", json!({"Reason": "no capacity for ml.p5"}));
    world.create_endpoint("broken", &["MyVariant"]);
    let (reason, id) = world.refuse(request.clone()).await;
    assert!(world.registered().is_empty(), "a refused request registers nothing");
    let update = request.0["RequestType"] == "Update";
    assert_eq!(id, if update { ID } else { NOT_REGISTERED }, "{reason}");
    // The Delete that CloudFormation sends next succeeds.
    world.succeed(Request(request.0).field("RequestType", json!("Delete")).of(&id)).await;
    reason
}

#[tokio::test(start_paused = true)]
async fn every_invalid_property_fails_a_create_and_an_update_with_what_is_expected() {
    let cases: [(&str, Value, &str); 17] = [
        ("MinCapacity", json!("9"), "MinCapacity: expected at most MaxCapacity, 8, found 9"),
        ("MinCapacity", json!("-1"), "MinCapacity: expected a whole number from 0 to 2147483647, found \"-1\""),
        ("MinCapacity", json!("1.5"), "MinCapacity: expected a whole number from 0 to 2147483647, found \"1.5\""),
        ("MaxCapacity", json!("0"), "MaxCapacity: expected a whole number from 1 to 2147483647, found \"0\""),
        ("MaxCapacity", json!("99999999999"), "MaxCapacity: expected a whole number from 1 to 2147483647, found"),
        ("MaxCapacity", json!(["8"]), "MaxCapacity: expected a whole number from 1 to 2147483647, found [\"8\"]"),
        ("MaxCapcity", json!("8"), "MaxCapcity: unknown property, found \"8\"; did you mean MaxCapacity?"),
        ("VariantName", json!(""), "VariantName: expected 1 to 63 characters, found \"\""),
        ("VariantName", json!("my_variant"), "VariantName: expected letters, digits and hyphens"),
        ("EndpointName", json!("e".repeat(64)), "EndpointName: expected an endpoint's name (1 to 63 characters)"),
        ("EndpointName", json!("arn:aws:s3:::b"), "EndpointName: expected the ARN of an endpoint"),
        (
            "EndpointName",
            json!("arn:aws:sagemaker:eu-west-1:111122223333:endpoint/e"),
            "EndpointName: expected an endpoint of this Region, us-east-1",
        ),
        (
            "EndpointName",
            json!("arn:aws:sagemaker:us-east-1:999999999999:endpoint/e"),
            "EndpointName: expected an endpoint of this account, 111122223333",
        ),
        ("SuspendedState", json!("true"), "SuspendedState: expected an object, found \"true\""),
        ("Tags", json!("team"), "Tags: expected a list of Key and Value, found \"team\""),
        ("AdoptExisting", json!("yes"), "AdoptExisting: expected true or false, found \"yes\""),
        ("UpdateGate", json!("x"), "UpdateGate: expected !Ref of the Custom::SageMakerEndpointUpdateGate of this"),
    ];
    for (name, value, expected) in cases {
        for request in [create(), update()] {
            let reason = refused(request.with(name, value.clone())).await;
            assert!(reason.starts_with(expected), "{reason}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_invalid_property_fails_before_any_call() {
    let world = World::new();
    world.called();
    world.refuse(create().with("MinCapacity", json!("x"))).await;
    world.refuse(update().with("MinCapacity", json!("x"))).await;
    assert!(world.called().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_or_variant_that_cannot_be_scaled_is_refused_with_the_reason() {
    for (name, value, expected) in [
        ("EndpointName", "nowhere", "EndpointName: there is no endpoint nowhere in this account and Region"),
        ("EndpointName", "broken", "EndpointName: endpoint broken is Failed (no capacity for ml.p5)"),
        (
            "VariantName",
            "variant-3",
            "VariantName: endpoint MyEndPoint has no variant variant-3; it has MyVariant, MyOtherVariant",
        ),
    ] {
        let reason = refused(create().with(name, json!(value))).await;
        assert!(reason.starts_with(expected), "{reason}");
    }
}

#[tokio::test(start_paused = true)]
async fn unknown_resource_and_request_types_are_refused() {
    let reason = refused(create().field("ResourceType", json!("Custom::Nonsense"))).await;
    let expected = "ResourceType: expected Custom::SageMakerScalableTarget or Custom::SageMakerEndpointUpdateGate, \
                    found Custom::Nonsense";
    assert_eq!(reason, expected);
    let reason = refused(create().field("RequestType", json!("Read"))).await;
    assert_eq!(reason, "RequestType: expected Create, Update or Delete, found \"Read\"");
}

#[tokio::test(start_paused = true)]
async fn properties_that_are_not_an_object_are_refused() {
    for properties in [json!([]), json!("x"), json!(7)] {
        let reason = refused(create().field("ResourceProperties", properties.clone())).await;
        assert_eq!(reason, format!("ResourceProperties: expected an object, found {properties}"));
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_service_is_quoted_and_the_id_says_that_nothing_is_registered() {
    let world = World::new();
    world.fail("RegisterScalableTarget", "ValidationException", 1);
    let (reason, id) = world.refuse(create()).await;
    assert_eq!(
        reason,
        "RegisterScalableTarget failed for endpoint/MyEndPoint/variant/MyVariant: ValidationException: injected"
    );
    assert_eq!(id, NOT_REGISTERED);
    world.succeed(delete().of(&id)).await;
}
