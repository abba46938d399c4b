//! Endpoint updates while the endpoint scales: whole histories of stacks, with a SageMaker that refuses as the real one.

use serde_json::{Value, json};

use crate::support::attached::{action, step};
use crate::support::request::{Request, create, delete, update};
use crate::support::stack::{Delivery, Fails, Stack, Template, UNANSWERED};
use crate::support::world::{Crash, World};

/// A world with the endpoint configurations that the histories go through. Blue may change its type, green may go.
fn world() -> World {
    let world = World::new();
    let large = "ml.m5.large";
    for (name, variants) in [
        ("large", vec![("blue", large, "m"), ("green", large, "m")]),
        ("xlarge", vec![("blue", "ml.m5.xlarge", "m"), ("green", large, "m")]),
        ("alone", vec![("blue", large, "m")]),
        ("both", vec![("blue", "ml.m5.2xlarge", "m"), ("green", "ml.m5.2xlarge", "m")]),
        ("model", vec![("blue", large, "other"), ("green", large, "m")]),
    ] {
        let variant = |(name, instance_type, model): (&str, &str, &str)| json!({ "VariantName": name, "ModelName": model, "InstanceType": instance_type, "InitialInstanceCount": 1 });
        let variants: Vec<_> = variants.into_iter().map(variant).collect();
        world.aws(
            "SageMaker.CreateEndpointConfig",
            json!({ "EndpointConfigName": name, "ProductionVariants": variants }),
        );
    }
    world.aws("LocalAws.SetEndpointTakes", json!({ "Seconds": 60 }));
    world
}

pub(crate) const BLUES_RECORD: &str =
    "/sagemaker-scaling/snapshots/endpoint/prod/variant/blue/sagemaker.variant.DesiredInstanceCount";

/// The properties of a variant's scaling.
fn scaling(variant: &str, max: u32) -> Value {
    json!({
        "VariantName": variant,
        "MinCapacity": "1",
        "MaxCapacity": max.to_string(),
        "SuspendedState": { "DynamicScalingInSuspended": "true" },
        "Tags": [{ "Key": "team", "Value": "ml {{x}}" }],
        "ScalingPolicies": [step("always", &max.to_string()), step(&format!("at-{max}"), &max.to_string())],
        "ScheduledActions": [action("morning", "1")],
    })
}

fn template(config: &'static str, scalings: &[(&'static str, Value)]) -> Template {
    Template { config, gate: true, scalings: scalings.iter().cloned().collect() }
}

fn both_scaled(config: &'static str) -> Template {
    template(config, &[("Blue", scaling("blue", 4)), ("Green", scaling("green", 3))])
}

pub(crate) fn parked(world: &World) -> Vec<Value> {
    let below = json!({ "Path": "/sagemaker-scaling/snapshots", "Recursive": true });
    world.aws("AmazonSSM.GetParametersByPath", below)["Parameters"].as_array().cloned().unwrap_or_default()
}

/// What is registered natively, or by hand, beside the stack.
pub(crate) fn by_hand(world: &World, variants: &[&str]) {
    for variant in variants {
        let mut target = json!({
            "ServiceNamespace": "sagemaker",
            "ResourceId": format!("endpoint/prod/variant/{variant}"),
            "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
        });
        let mut policy = target.clone();
        target["MinCapacity"] = json!(1);
        target["MaxCapacity"] = json!(7);
        target["Tags"] = json!({ "by": "hand" });
        world.aws("AnyScaleFrontendService.RegisterScalableTarget", target);
        policy["PolicyName"] = json!("SageMakerEndpointInvocationScalingPolicy");
        policy["PolicyType"] = json!("TargetTrackingScaling");
        policy["TargetTrackingScalingPolicyConfiguration"] = json!({
            "TargetValue": 70.5,
            "PredefinedMetricSpecification": { "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance" },
        });
        world.aws("AnyScaleFrontendService.PutScalingPolicy", policy);
    }
}

/// A stack that is created with the first template, after which somebody registers variants by hand, and is then
/// deployed again and again.
#[derive(Clone, Debug)]
struct History {
    first: Template,
    by_hand: &'static [&'static str],
    then: Vec<(Template, Option<Fails>)>,
}

impl History {
    /// Plays it; after each deployment everything is as the template says that the stack settled on.
    async fn play(&self, delivery: Delivery, reversed: bool) -> (usize, bool) {
        self.play_to(&self.settles().await, delivery, reversed).await
    }

    /// What is registered after each deployment.
    async fn settles(&self) -> Vec<(&'static str, Value)> {
        let mut settled = &self.first;
        let mut pictures = Vec::new();
        for (template, fails) in &self.then {
            settled = if fails.is_none() { template } else { settled };
            pictures.push((settled.config, Self::expected(settled, self.by_hand).await));
        }
        pictures
    }

    async fn play_to(&self, settles: &[(&str, Value)], delivery: Delivery, reversed: bool) -> (usize, bool) {
        let world = world();
        let mut stack = Stack::new(&world, delivery, reversed);
        stack.deploy(&self.first, None).await.expect("it is created");
        by_hand(&world, self.by_hand);
        for ((template, fails), (config, picture)) in self.then.iter().zip(settles) {
            let told = format!("{delivery:?}, reversed: {reversed}: {template:?} fails {fails:?}");
            let before = (self.first.config, world.picture());
            let (config, picture) = match stack.deploy(template, *fails).await {
                Err(reason) if reason == UNANSWERED => before,
                done => done.map(|()| (*config, picture.clone())).unwrap_or_else(|reason| panic!("{told}: {reason}")),
            };
            assert_eq!(world.picture(), picture, "{told}");
            assert_eq!(parked(&world), [] as [Value; 0], "{told}");
            let runs = world.aws("SageMaker.DescribeEndpoint", json!({ "EndpointName": "prod" }));
            assert_eq!(runs["EndpointConfigName"], config, "{told}");
        }
        (stack.requests, stack.was_killed)
    }

    /// What a stack registers that is created with a template right away.
    async fn expected(template: &Template, variants: &[&str]) -> Value {
        let world = world();
        let mut stack = Stack::new(&world, Delivery::Once, false);
        stack.deploy(template, None).await.expect("it is created");
        let has: Vec<_> =
            variants.iter().copied().filter(|name| template.config != "alone" || *name != "green").collect();
        by_hand(&world, &has);
        world.picture()
    }
}

/// The histories: a type that changes, a variant that goes, both; with the scaling changed or removed in the same
/// update; natively registered targets; failures at each place, and the same update again after a rollback.
fn histories() -> Vec<History> {
    let blue = |max| ("Blue", scaling("blue", max));
    let large = template("large", &[blue(4)]);
    let mut histories = Vec::new();
    let everywhere = [None, Some(Fails::Endpoint), Some(Fails::AfterEndpoint), Some(Fails::AfterScaling)];
    for fails in everywhere {
        for to in [
            template("xlarge", &[blue(4)]),
            template("xlarge", &[blue(6)]),
            template("xlarge", &[]),
            template("model", &[blue(4)]),
        ] {
            let then = vec![(to.clone(), fails), (to, None), (large.clone(), None)];
            histories.push(History { first: large.clone(), by_hand: &["green"], then });
        }
        for to in [both_scaled("both"), both_scaled("xlarge"), template("alone", &[blue(4)])] {
            let then = vec![(to.clone(), fails), (to, None), (both_scaled("large"), None)];
            histories.push(History { first: both_scaled("large"), by_hand: &[], then });
        }
        let to = template("both", &[]);
        let nothing = template("large", &[]);
        let then = vec![(to.clone(), fails), (to, None), (nothing.clone(), None)];
        histories.push(History { first: nothing, by_hand: &["blue", "green"], then });
        let alone = template("alone", &[blue(4)]);
        histories.push(History { first: large.clone(), by_hand: &["green"], then: vec![(alone, fails)] });
    }
    histories
}

#[tokio::test(start_paused = true)]
async fn after_every_deployment_exactly_what_is_declared_is_registered_with_all_that_it_had() {
    for history in histories() {
        for reversed in [false, true] {
            history.play(Delivery::Once, reversed).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn requests_that_are_delivered_twice_change_nothing_more() {
    for history in histories() {
        for reversed in [false, true] {
            history.play(Delivery::Twice, reversed).await;
        }
    }
}

/// The histories whose every request is killed at every exchange: each rule of the gate has a part in one of them.
fn histories_to_be_killed() -> Vec<(History, bool)> {
    let blue = |config, max| template(config, &[("Blue", scaling("blue", max))]);
    let one = |to: Template, fails| History { first: blue("large", 4), by_hand: &["green"], then: vec![(to, fails)] };
    let both = |fails| History { first: both_scaled("large"), by_hand: &[], then: vec![(both_scaled("both"), fails)] };
    vec![
        (one(blue("xlarge", 4), None), false),
        (one(blue("xlarge", 4), Some(Fails::Endpoint)), false),
        // The scaling goes back before the endpoint does, and parks what it wants.
        (one(blue("xlarge", 6), Some(Fails::AfterScaling)), true),
        (one(template("xlarge", &[]), None), false),
        (one(blue("alone", 4), None), true),
        (both(Some(Fails::AfterEndpoint)), false),
        (both(None), true),
    ]
}

/// Plays histories with each of their requests killed at each exchange.
async fn kill(histories: Vec<(History, bool)>, killed: fn(usize, Crash) -> Delivery) -> u32 {
    let mut crashes = 0;
    for (history, reversed) in histories {
        let settles = history.settles().await;
        let (requests, _) = history.play_to(&settles, Delivery::Once, reversed).await;
        // `crashes` kills those that create a stack.
        for number in history.first.scalings.len() + 1..requests {
            for at in 1.. {
                let mut reached = false;
                for after_effect in [false, true] {
                    let delivery = killed(number, Crash { at, after_effect });
                    reached |= history.play_to(&settles, delivery, reversed).await.1;
                }
                if !reached {
                    break;
                }
                crashes += 2;
            }
        }
    }
    crashes
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_exchange_and_delivered_again_an_update_ends_as_if_it_had_run_once() {
    let crashes = kill(histories_to_be_killed(), Delivery::Killed).await;
    assert!(crashes > 600, "only {crashes} crashes");
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_exchange_and_never_delivered_again_an_update_is_as_if_it_had_not_been() {
    let mut histories = histories_to_be_killed();
    // Whoever does not answer on the way back leaves the stack to its operator.
    histories.retain(|(history, _)| history.then[0].1.is_none());
    let both_ways = histories.into_iter().flat_map(|(history, _)| [(history.clone(), false), (history, true)]);
    let crashes = kill(both_ways.collect(), Delivery::Lost).await;
    assert!(crashes > 400, "only {crashes} crashes");
}

#[tokio::test(start_paused = true)]
async fn without_the_gate_sagemaker_refuses() {
    let mut refusals = 0;
    for history in histories() {
        let without = |template: &Template| Template { gate: false, ..template.clone() };
        let to = without(&history.then[0].0);
        if to.config == "model" {
            continue;
        }
        let world = world();
        let mut stack = Stack::new(&world, Delivery::Once, false);
        stack.deploy(&without(&history.first), None).await.expect("it is created");
        by_hand(&world, history.by_hand);
        let refused = stack.deploy(&to, None).await.unwrap_err();
        assert!(refused.contains("must be deregistered as scalable targets"), "{refused}");
        refusals += 1;
    }
    assert!(refusals > 20, "only {refusals}");
}

pub(crate) fn gate(config: &str) -> Request {
    create()
        .field("ResourceType", json!("Custom::SageMakerEndpointUpdateGate"))
        .field("LogicalResourceId", json!("Gate"))
        .field("ResourceProperties", json!({ "EndpointName": "prod", "EndpointConfigName": config }))
}

pub(crate) fn gate_update(from: &str, to: &str) -> Request {
    let old = json!({ "EndpointName": "prod", "EndpointConfigName": from });
    let request = gate(to).field("RequestType", json!("Update")).field("OldResourceProperties", old);
    request.of(&format!("endpoint/prod/config/{from}|update-gate"))
}

/// The properties of blue's scaling, behind the gate.
pub(crate) fn behind(config: &str, max: u32) -> Value {
    let mut properties = scaling("blue", max);
    properties["EndpointName"] = json!("prod");
    properties["UpdateGate"] = json!(format!("endpoint/prod/config/{config}|update-gate"));
    properties
}

pub(crate) fn with_endpoint() -> World {
    let world = world();
    world.aws("LocalAws.SetEndpointTakes", json!({ "Seconds": 0 }));
    world.aws("SageMaker.CreateEndpoint", json!({ "EndpointName": "prod", "EndpointConfigName": "large" }));
    world
}

#[tokio::test(start_paused = true)]
async fn a_gate_before_its_endpoint_and_a_change_of_model_touch_nothing() {
    let world = world();
    world.called();
    let answer = world.succeed(gate("large")).await;
    assert_eq!(answer["PhysicalResourceId"], "endpoint/prod/config/large|update-gate");
    assert_eq!(answer["Data"], json!({ "EndpointName": "prod", "EndpointConfigName": "large" }));
    assert_eq!(world.called(), ["DescribeEndpoint"]);

    let world = with_endpoint();
    by_hand(&world, &["blue"]);
    world.called();
    world.succeed(gate_update("large", "model")).await;
    assert_eq!(world.registered().len(), 1);
    let looks = ["DescribeEndpoint", "DescribeEndpointConfig", "DescribeEndpointConfig"];
    assert_eq!(world.called(), looks);
}

#[tokio::test(start_paused = true)]
async fn both_dimensions_are_parked_and_inference_components_are_left_alone() {
    let world = world();
    world.aws("LocalAws.SetEndpointTakes", json!({ "Seconds": 0 }));
    let serverless = json!({ "MaxConcurrency": 20, "MemorySizeInMB": 2048, "ProvisionedConcurrency": 1 });
    let blue = json!({ "VariantName": "blue", "ModelName": "m", "ServerlessConfig": serverless });
    let green = json!({
        "VariantName": "green", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1,
    });
    let mixed = json!({ "EndpointConfigName": "mixed", "ProductionVariants": [blue, green] });
    world.aws("SageMaker.CreateEndpointConfig", mixed);
    world.aws("SageMaker.CreateEndpoint", json!({ "EndpointName": "prod", "EndpointConfigName": "mixed" }));
    by_hand(&world, &["green"]);
    let component = json!({ "InferenceComponentName": "llm", "EndpointName": "prod", "VariantName": "green" });
    world.aws("SageMaker.CreateInferenceComponent", component);
    for (resource, dimension) in [
        ("endpoint/prod/variant/blue", "sagemaker:variant:DesiredProvisionedConcurrency"),
        ("inference-component/llm", "sagemaker:inference-component:DesiredCopyCount"),
    ] {
        let target = json!({
            "ServiceNamespace": "sagemaker", "ResourceId": resource, "ScalableDimension": dimension,
            "MinCapacity": 0, "MaxCapacity": 2,
        });
        world.aws("AnyScaleFrontendService.RegisterScalableTarget", target);
    }
    let before = world.picture();
    world.succeed(gate_update("mixed", "both")).await;
    assert_eq!(world.registered(), ["inference-component/llm"]);
    let below = |rest: &str| format!("/sagemaker-scaling/snapshots/endpoint/prod/variant/{rest}");
    let names: Vec<_> = parked(&world).iter().map(|parameter| parameter["Name"].clone()).collect();
    assert_eq!(
        names,
        [
            below("blue/sagemaker.variant.DesiredProvisionedConcurrency"),
            below("green/sagemaker.variant.DesiredInstanceCount")
        ]
    );
    world.succeed(gate_update("both", "mixed")).await;
    assert_eq!(world.picture(), before);
}

#[tokio::test(start_paused = true)]
async fn a_scaling_activity_in_flight_is_waited_for() {
    let world = with_endpoint();
    world.aws("LocalAws.SetEndpointTakes", json!({ "Seconds": 200 }));
    let weights = json!([{ "VariantName": "green", "DesiredInstanceCount": 2 }]);
    let scale = json!({ "EndpointName": "prod", "DesiredWeightsAndCapacities": weights });
    world.aws("SageMaker.UpdateEndpointWeightsAndCapacities", scale);
    let (reason, id) = world.refuse(gate_update("large", "xlarge")).await;
    assert!(reason.contains("waiting for endpoint prod to settle before its update (it is Updating)"), "{reason}");
    assert_eq!(id, "endpoint/prod/config/large|update-gate");
    world.invoke_for(&gate_update("large", "xlarge").0.to_string(), std::time::Duration::from_secs(900)).await.unwrap();
    assert_eq!(world.last_answer()["Status"], "SUCCESS");
}

#[tokio::test(start_paused = true)]
async fn what_is_too_large_to_be_parked_fails_before_anything_is_taken_down() {
    let world = with_endpoint();
    by_hand(&world, &["blue", "green"]);
    for number in 0..45 {
        let policy = json!({
            "ServiceNamespace": "sagemaker",
            "ResourceId": "endpoint/prod/variant/green",
            "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
            "PolicyName": format!("{number}{}", "n".repeat(200)),
            "PolicyType": "StepScaling",
            "StepScalingPolicyConfiguration": {
                "AdjustmentType": "ChangeInCapacity",
                "StepAdjustments": [{ "MetricIntervalLowerBound": 0, "ScalingAdjustment": 1 }],
            },
        });
        world.aws("AnyScaleFrontendService.PutScalingPolicy", policy);
    }
    let (reason, _) = world.refuse(gate_update("large", "both")).await;
    assert!(
        reason.starts_with("endpoint/prod/variant/green: its policies, scheduled actions and tags take"),
        "{reason}"
    );
    assert_eq!(world.registered().len(), 2);
    assert!(parked(&world).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_missing_configuration_and_mistakes_are_told_before_anything_is_taken_down() {
    let world = with_endpoint();
    by_hand(&world, &["blue"]);
    let (reason, _) = world.refuse(gate_update("large", "nowhere")).await;
    assert_eq!(reason, "EndpointConfigName: there is no endpoint configuration nowhere in this account and Region");
    let (reason, id) = world.refuse(gate("x").field("ResourceProperties", json!({ "EndpointNmae": "prod" }))).await;
    assert!(
        reason.starts_with("EndpointNmae: unknown property, found \"prod\"; did you mean EndpointName?"),
        "{reason}"
    );
    assert_eq!(id, "not-registered|Gate");
    assert_eq!(world.registered().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_kept_is_not_taken_down() {
    let world = with_endpoint();
    by_hand(&world, &["blue"]);
    let scribble = json!({ "Name": BLUES_RECORD, "Value": "y", "Overwrite": true });
    world.before("AmazonSSM.GetParameter", 1, &[("AmazonSSM.PutParameter", scribble)]);
    let (reason, _) = world.refuse(gate_update("large", "xlarge")).await;
    assert!(reason.contains("does not hold what was written to it"), "{reason}");
    assert_eq!(world.registered().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_scheduled_action_that_has_ended_does_not_come_back() {
    let world = with_endpoint();
    by_hand(&world, &["blue"]);
    for (name, end) in [("over", 1_700_000_100), ("lasting", 1_900_000_000)] {
        let action = json!({
            "ServiceNamespace": "sagemaker",
            "ResourceId": "endpoint/prod/variant/blue",
            "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
            "ScheduledActionName": name, "Schedule": "rate(1 day)", "EndTime": end,
            "ScalableTargetAction": { "MinCapacity": 1 },
        });
        world.aws("AnyScaleFrontendService.PutScheduledAction", action);
    }
    world.succeed(gate_update("large", "xlarge")).await;
    world.succeed(gate_update("xlarge", "large")).await;
    assert_eq!(world.registered().len(), 1);
    let shown = world.picture().to_string();
    assert!(!shown.contains("over") && shown.contains("lasting"), "{shown}");
}

#[tokio::test(start_paused = true)]
async fn what_somebody_registers_while_it_is_parked_stays_theirs() {
    let world = with_endpoint();
    by_hand(&world, &["blue"]);
    world.succeed(gate_update("large", "xlarge")).await;
    let theirs = create().with("EndpointName", json!("prod")).with("VariantName", json!("blue"));
    world.succeed(theirs).await;
    world
        .succeed(gate("xlarge").field("RequestType", json!("Delete")).of("endpoint/prod/config/large|update-gate"))
        .await;
    assert_eq!(world.targets()[0]["MaxCapacity"], 8);
    assert!(parked(&world).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_target_that_registers_is_parked_no_longer() {
    let world = with_endpoint();
    by_hand(&world, &["blue"]);
    world.succeed(gate_update("large", "xlarge")).await;
    assert_eq!(parked(&world).len(), 1);
    let gate = json!("endpoint/prod/config/large|update-gate");
    let request = create().with("EndpointName", json!("prod")).with("VariantName", json!("blue"));
    world.succeed(request.with("UpdateGate", gate)).await;
    assert!(parked(&world).is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_others_put_on_a_target_of_ours_outlives_the_update_of_its_endpoint() {
    let world = with_endpoint();
    let created = world.succeed(create().field("ResourceProperties", behind("large", 4))).await;
    let mut theirs = json!({
        "ServiceNamespace": "sagemaker",
        "ResourceId": "endpoint/prod/variant/blue",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
        "ScheduledActionName": "theirs",
        "Schedule": "rate(1 day)",
        "ScalableTargetAction": { "MinCapacity": 1 },
    });
    world.aws("AnyScaleFrontendService.PutScheduledAction", theirs.clone());
    theirs["PolicyName"] = json!("theirs");
    theirs["PolicyType"] = json!("TargetTrackingScaling");
    theirs["TargetTrackingScalingPolicyConfiguration"] = json!({
        "TargetValue": 70.5,
        "PredefinedMetricSpecification": { "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance" },
    });
    world.aws("AnyScaleFrontendService.PutScalingPolicy", theirs);
    let tag = json!({ "ResourceARN": created["Data"]["ScalableTargetARN"], "Tags": { "theirs": "too" } });
    world.aws("AnyScaleFrontendService.TagResource", tag);
    let before = world.picture();

    world.succeed(gate_update("large", "xlarge")).await;
    assert!(world.registered().is_empty());
    world.aws("SageMaker.UpdateEndpoint", json!({ "EndpointName": "prod", "EndpointConfigName": "xlarge" }));
    let there = update().field("OldResourceProperties", behind("large", 4));
    let there = there.of(created["PhysicalResourceId"].as_str().unwrap());
    world.succeed(there.clone().field("ResourceProperties", behind("xlarge", 4))).await;
    assert_eq!(world.picture(), before);
    assert!(parked(&world).is_empty());

    // And what is ours is what the template says now.
    world.succeed(gate_update("xlarge", "large")).await;
    world.aws("SageMaker.UpdateEndpoint", json!({ "EndpointName": "prod", "EndpointConfigName": "large" }));
    let back = there.field("OldResourceProperties", behind("xlarge", 4));
    world.succeed(back.field("ResourceProperties", behind("large", 6))).await;
    let shown = world.picture().to_string();
    assert_eq!(shown.matches("theirs").count(), 3, "{shown}");
    assert!(shown.contains("at-6") && !shown.contains("at-4"), "{shown}");
}

#[tokio::test(start_paused = true)]
async fn what_does_not_come_back_as_it_was_is_registered_as_the_template_says() {
    for operation in ["RegisterScalableTarget", "PutScalingPolicy"] {
        let world = with_endpoint();
        let created = world.succeed(create().field("ResourceProperties", behind("large", 4))).await;
        let before = world.picture();
        world.succeed(gate_update("large", "xlarge")).await;
        world.aws("SageMaker.UpdateEndpoint", json!({ "EndpointName": "prod", "EndpointConfigName": "xlarge" }));
        world.aws("LocalAws.InjectFaults", json!({ "Operation": operation, "Code": "ValidationException" }));
        let there = update().field("OldResourceProperties", behind("large", 4));
        let there = there.field("ResourceProperties", behind("xlarge", 4));
        world.succeed(there.of(created["PhysicalResourceId"].as_str().unwrap())).await;
        assert_eq!(world.picture(), before);
        assert!(parked(&world).is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn an_adopted_target_is_still_an_adopted_one_after_the_update_of_its_endpoint() {
    let world = with_endpoint();
    by_hand(&world, &["blue"]);
    let adopting = |config: &str| {
        let mut properties = behind(config, 4);
        properties["AdoptExisting"] = json!("true");
        properties
    };
    let created = world.succeed(create().field("ResourceProperties", adopting("large"))).await;
    let id = created["PhysicalResourceId"].as_str().unwrap();
    world.succeed(gate_update("large", "xlarge")).await;
    world.aws("SageMaker.UpdateEndpoint", json!({ "EndpointName": "prod", "EndpointConfigName": "xlarge" }));
    let there = update().field("OldResourceProperties", adopting("large"));
    world.succeed(there.field("ResourceProperties", adopting("xlarge")).of(id)).await;
    world.succeed(delete().field("ResourceProperties", adopting("xlarge")).of(id)).await;
    assert_eq!(world.registered(), ["endpoint/prod/variant/blue"]);
    assert_eq!(world.tags(&world.targets()[0]), json!({ "by": "hand", "team": "ml {{x}}" }));
}

#[tokio::test(start_paused = true)]
async fn a_target_whose_endpoint_goes_back_keeps_its_attributes_however_often_it_is_asked() {
    let world = with_endpoint();
    let created = world.succeed(create().field("ResourceProperties", behind("large", 4))).await;
    let back =
        update().field("ResourceProperties", behind("xlarge", 4)).field("OldResourceProperties", behind("large", 4));
    let back = back.of(created["PhysicalResourceId"].as_str().unwrap());
    let answer = world.succeed(back.clone()).await;
    assert!(world.registered().is_empty());
    assert_eq!(answer["Data"], created["Data"]);
    assert_eq!(world.succeed(back).await["Data"], created["Data"]);
}

#[tokio::test(start_paused = true)]
async fn a_delete_of_a_target_that_is_parked_forgets_it_and_one_of_another_owner_does_not() {
    let world = with_endpoint();
    let names = |request: Request| request.with("EndpointName", json!("prod")).with("VariantName", json!("blue"));
    let id = "endpoint/prod/variant/blue|sagemaker:variant:DesiredInstanceCount|sagemaker";
    world.succeed(names(create())).await;
    world.succeed(gate_update("large", "xlarge")).await;
    world.succeed(names(delete()).of(id).in_stack("other")).await;
    assert_eq!(parked(&world).len(), 1);
    world.succeed(names(delete()).of(id)).await;
    assert!(parked(&world).is_empty());
    world.succeed(names(update()).of(id)).await;
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_is_delivered_late_takes_nothing_down() {
    let world = with_endpoint();
    by_hand(&world, &["blue"]);
    world.on_record_for(60, "UPDATE_COMPLETE", "endpoint/prod/config/xlarge|update-gate");
    let late = "https://b.s3.amazonaws.com/p?X-Amz-Date=20190101T000000Z&X-Amz-Signature=0123456789abcdef0123";
    let (reason, _) = world.refuse(gate_update("large", "xlarge").field("ResponseURL", json!(late))).await;
    assert_eq!(reason, "CloudFormation no longer waits for this request: the resource is UPDATE_COMPLETE");
    assert_eq!(world.registered().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_cannot_be_read_keeps_no_other_from_coming_back() {
    let world = with_endpoint();
    by_hand(&world, &["green"]);
    world.succeed(gate_update("large", "both")).await;
    world.aws("AmazonSSM.PutParameter", json!({ "Name": BLUES_RECORD, "Value": "scribble", "Type": "String" }));
    let (reason, _) = world.refuse(gate_update("both", "large")).await;
    assert!(reason.contains(&format!("parameter {BLUES_RECORD} is no record of a parked target")), "{reason}");
    assert_eq!(world.registered(), ["endpoint/prod/variant/green"]);
    assert_eq!(parked(&world).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_others_updated_keeps_its_scaling() {
    let world = world();
    world.aws("LocalAws.SetEndpointTakes", json!({ "Seconds": 0 }));
    world.aws("SageMaker.CreateEndpoint", json!({ "EndpointName": "prod", "EndpointConfigName": "xlarge" }));
    let named = |request: Request| {
        let request = request.with("EndpointName", json!("prod")).with("VariantName", json!("blue"));
        request.with("UpdateGate", json!("endpoint/prod/config/large|update-gate"))
    };
    world.succeed(named(create())).await;
    assert_eq!(world.registered(), ["endpoint/prod/variant/blue"]);
    let id = "endpoint/prod/variant/blue|sagemaker:variant:DesiredInstanceCount|sagemaker";
    let old = named(create()).0["ResourceProperties"].clone();
    let request = named(update()).of(id).field("OldResourceProperties", old).with("MaxCapacity", json!("5"));
    world.succeed(request).await;
    // Nor does a gate whose configuration stays take anything down: no update of the endpoint follows.
    world.succeed(gate_update("large", "large").with("ServiceTimeout", json!("60"))).await;
    assert_eq!(world.targets()[0]["MaxCapacity"], 5);
    assert!(parked(&world).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_is_overtaken_while_it_takes_targets_down_brings_them_back() {
    let world = with_endpoint();
    by_hand(&world, &["blue", "green"]);
    let before = world.picture();
    world.on_record("UPDATE_IN_PROGRESS", "endpoint/prod/config/large|update-gate");
    world.on_record_before("DeregisterScalableTarget", "UPDATE_ROLLBACK_COMPLETE", "x");
    let late = "https://b.s3.amazonaws.com/p?X-Amz-Date=20190101T000000Z&X-Amz-Signature=0123456789abcdef0123";
    let (reason, _) = world.refuse(gate_update("large", "both").field("ResponseURL", json!(late))).await;
    assert!(reason.ends_with("UPDATE_ROLLBACK_COMPLETE"), "{reason}");
    assert_eq!(world.picture(), before);
    assert!(parked(&world).is_empty());
}
