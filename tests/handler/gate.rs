//! Endpoint updates while the endpoint scales: histories of stacks, and a SageMaker that refuses what the real one refuses.

use std::time::Duration;

use serde_json::{Value, json};
use test_support::Crash;
use test_support::account::{Account as _, target, variant};
use test_support::attached::merged;
use test_support::request::{Request, create, delete, gate_id, update};
use tokio::time::Instant;

use crate::support::prod::{
    BLUE, BLUE_ID, blue_snapshot, configs, create_prod, endpoint, gate, gate_update, gated, register_natively,
    running_config, scaling, snapshot_name, snapshots,
};
use crate::support::stack::{ALARM, Delivery, Fails, Stack, Template, UNANSWERED};

fn template(config: &'static str, scalings: &[(&'static str, Value)]) -> Template {
    Template { config, gate: true, scalings: scalings.iter().cloned().collect() }
}

fn both_scaled(config: &'static str) -> Template {
    template(config, &[("Blue", scaling("blue", 4)), ("Green", scaling("green", 3))])
}

/// A stack that is created with the first template, and is then deployed again and again. Between the two, variants
/// are registered natively.
#[derive(Clone, Debug)]
struct History {
    first: Template,
    native: &'static [&'static str],
    then: Vec<(Template, Option<Fails>)>,
}

impl History {
    /// Plays it. After each deployment, the targets and the endpoint match the template that the stack settled on.
    async fn play(&self, delivery: Delivery, reversed: bool) -> (usize, bool) {
        self.play_to(&self.settles().await, delivery, reversed).await
    }

    /// The configuration and the targets after each deployment.
    async fn settles(&self) -> Vec<(&'static str, Value)> {
        let mut settled = &self.first;
        let mut pictures = Vec::new();
        for (template, fails) in &self.then {
            settled = if fails.is_none() { template } else { settled };
            pictures.push((settled.config, Self::expected(settled, self.native).await));
        }
        pictures
    }

    async fn play_to(&self, settles: &[(&str, Value)], delivery: Delivery, reversed: bool) -> (usize, bool) {
        let world = configs();
        let mut stack = Stack::new(&world, delivery, reversed);
        stack.deploy(&self.first, None).await.expect("the stack is created");
        register_natively(&world, self.native);
        for ((template, fails), (config, picture)) in self.then.iter().zip(settles) {
            let shown = format!("{delivery:?}, reversed: {reversed}: {template:?} fails {fails:?}");
            let before = (self.first.config, world.picture());
            let (config, picture) = match stack.deploy(template, *fails).await {
                Err(reason) if reason == UNANSWERED => before,
                done => done.map(|()| (*config, picture.clone())).unwrap_or_else(|reason| panic!("{shown}: {reason}")),
            };
            assert_eq!(world.picture(), picture, "{shown}");
            assert_eq!(snapshots(&world), [] as [Value; 0], "{shown}");
            assert_eq!(running_config(&world), config, "{shown}");
        }
        (stack.requests, stack.was_killed)
    }

    /// The targets of a stack that is created with a template.
    async fn expected(template: &Template, variants: &[&str]) -> Value {
        let world = configs();
        let mut stack = Stack::new(&world, Delivery::Once, false);
        stack.deploy(template, None).await.expect("the stack is created");
        let has: Vec<_> =
            variants.iter().copied().filter(|name| template.config != "alone" || *name != "green").collect();
        register_natively(&world, &has);
        world.picture()
    }
}

/// The histories: an instance type changes, a variant is dropped, or both; the scaling is changed or removed in the same
/// update; some targets are registered natively. Each is played with a failure at each place, and then the same update
/// follows without one.
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
            histories.push(History { first: large.clone(), native: &["green"], then });
        }
        for to in [both_scaled("both"), both_scaled("xlarge"), template("alone", &[blue(4)])] {
            let then = vec![(to.clone(), fails), (to, None), (both_scaled("large"), None)];
            histories.push(History { first: both_scaled("large"), native: &[], then });
        }
        let to = template("both", &[]);
        let nothing = template("large", &[]);
        let then = vec![(to.clone(), fails), (to, None), (nothing.clone(), None)];
        histories.push(History { first: nothing, native: &["blue", "green"], then });
        let alone = template("alone", &[blue(4)]);
        histories.push(History { first: large.clone(), native: &["green"], then: vec![(alone, fails)] });
    }
    histories
}

#[tokio::test(start_paused = true)]
async fn after_every_deployment_exactly_the_declared_targets_are_registered_with_all_that_they_had() {
    for history in histories() {
        for reversed in [false, true] {
            history.play(Delivery::Once, reversed).await;
        }
    }
}

/// The histories in which a variant gets instance pools or other pools, or becomes serverless, which changes the dimension
/// of its scaling, or in which the scaling moves to a new variant; and all that in the other direction.
fn histories_of_capacity() -> Vec<History> {
    let blue = |config, max| template(config, &[("Blue", scaling("blue", max))]);
    let mut concurrency = scaling("blue", 4);
    concurrency["ScalableDimension"] = json!("sagemaker:variant:DesiredProvisionedConcurrency");
    let serverless = template("serverless", &[("Blue", concurrency)]);
    let large = blue("large", 4);
    let mut histories = Vec::new();
    for fails in [None, Some(Fails::Endpoint), Some(Fails::AfterEndpoint), Some(Fails::AfterScaling)] {
        let green: &[_] = &["green"];
        for (first, to, native) in [
            (large.clone(), blue("pools", 4), green),
            (blue("pools", 4), blue("fewer-pools", 6), green),
            (blue("pools", 4), serverless.clone(), green),
            (large.clone(), serverless.clone(), green),
            (blue("alone", 4), template("large", &[("Blue", scaling("green", 4))]), &[]),
        ] {
            let then = vec![(to.clone(), fails), (to, None), (first.clone(), fails), (first.clone(), None)];
            histories.push(History { first, native, then });
        }
    }
    histories
}

#[tokio::test(start_paused = true)]
async fn a_variant_changes_its_pools_or_becomes_serverless_and_keeps_its_scaling() {
    for history in histories_of_capacity() {
        for reversed in [false, true] {
            history.play(Delivery::Once, reversed).await;
        }
    }
}

/// Deployment guardrails that wait at least two minutes: blue/green of each kind, and rolling. All have an alarm.
fn guardrails() -> Vec<Value> {
    let size = json!({ "Type": "INSTANCE_COUNT", "Value": 1 });
    let shifts = |kind, size: Value| {
        let routing = merged(json!({ "Type": kind, "WaitIntervalInSeconds": 120 }), &size);
        json!({ "BlueGreenUpdatePolicy": { "TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": 30 } })
    };
    let policies = [
        shifts("ALL_AT_ONCE", json!({})),
        shifts("CANARY", json!({ "CanarySize": size })),
        shifts("LINEAR", json!({ "LinearStepSize": size })),
        json!({ "RollingUpdatePolicy": { "MaximumBatchSize": size, "WaitIntervalInSeconds": 120 } }),
    ];
    let rollback = json!({ "AutoRollbackConfiguration": { "Alarms": [{ "AlarmName": ALARM }] } });
    policies.into_iter().map(|policy| merged(policy, &rollback)).collect()
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_with_deployment_guardrails_keeps_its_scaling_also_if_an_alarm_rolls_it_back() {
    let blue = |config, max| template(config, &[("Blue", scaling("blue", max))]);
    let (first, to) = (blue("alone", 4), blue("alone-xlarge", 6));
    for guardrails in guardrails() {
        for fails in [None, Some(Fails::Alarm), Some(Fails::AfterEndpoint), Some(Fails::AfterScaling)] {
            for reversed in [false, true] {
                let shown = format!("{guardrails}, {fails:?}, reversed: {reversed}");
                let world = configs();
                let mut stack = Stack::new(&world, Delivery::Once, reversed);
                stack.guardrails = Some(guardrails.clone());
                stack.deploy(&first, None).await.expect("the stack is created");
                let before = world.picture();
                let began = Instant::now();
                stack.deploy(&to, fails).await.unwrap_or_else(|reason| panic!("{shown}: {reason}"));
                let waited = if fails == Some(Fails::Alarm) { 90 } else { 180 };
                assert!(began.elapsed() >= Duration::from_secs(waited), "{shown}: {:?}", began.elapsed());
                let settled = if fails.is_none() { &to } else { &first };
                assert_eq!(running_config(&world), settled.config, "{shown}");
                assert_eq!(world.picture(), History::expected(settled, &[]).await, "{shown}");
                assert_eq!(fails.is_some(), world.picture() == before, "{shown}");
                assert_eq!(snapshots(&world), [] as [Value; 0], "{shown}");
            }
        }
        let world = configs();
        let mut stack = Stack::new(&world, Delivery::Once, false);
        stack.guardrails = Some(guardrails);
        let without = |template: &Template| Template { gate: false, ..template.clone() };
        stack.deploy(&without(&first), None).await.expect("the stack is created");
        let refused = stack.deploy(&without(&to), None).await.unwrap_err();
        assert!(refused.contains("must be deregistered as scalable targets"), "{refused}");
    }
}

#[tokio::test(start_paused = true)]
async fn in_express_mode_scaling_waits_for_the_traffic_shift_and_follows_its_end() {
    for (alarm, ends_on) in [(false, "xlarge"), (true, "large")] {
        let world = endpoint();
        let created = world.succeed(create().field("ResourceProperties", gated("large", 4))).await;
        let before = world.picture();
        world.succeed(gate_update("large", "xlarge")).await;
        let [_, canary, ..] = &guardrails()[..] else { panic!("several") };
        let update_endpoint =
            json!({ "EndpointName": "prod", "EndpointConfigName": "xlarge", "DeploymentConfig": canary });
        world.aws("SageMaker.UpdateEndpoint", update_endpoint);
        if alarm {
            world.trip_alarm_in(Duration::from_secs(100), ALARM);
        }
        let began = Instant::now();
        let there = update().field("OldResourceProperties", gated("large", 4));
        let there = there.field("ResourceProperties", gated("xlarge", 4));
        let there = there.of(created["PhysicalResourceId"].as_str().unwrap());
        world.invoke_for(&there.0.to_string(), Duration::from_secs(900)).await.unwrap();
        assert_eq!(world.last_answer()["Status"], "SUCCESS", "{}", world.last_answer());
        assert!(began.elapsed() >= Duration::from_secs(if alarm { 100 } else { 240 }), "{:?}", began.elapsed());
        assert_eq!(running_config(&world), ends_on);
        world.succeed(gate("xlarge").field("RequestType", json!("Delete")).of(&gate_id("prod", "large"))).await;
        assert_eq!((world.picture(), snapshots(&world)), (before, vec![]), "alarm: {alarm}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_update_that_sagemaker_rejects_for_its_accelerator_partitions_keeps_the_scaling() {
    let blue = |config| template(config, &[("Blue", scaling("blue", 4))]);
    for (to, kind) in [("halves", "ml.p5.48xlarge"), ("larger-halves", "ml.p5en.48xlarge")] {
        for reversed in [false, true] {
            let world = configs();
            for (name, kind, layout) in [("whole", "ml.p5.48xlarge", None), (to, kind, Some("mig-3g.40gb"))] {
                let mut partitioned = variant("blue", "m", kind);
                if let Some(layout) = layout {
                    partitioned["AcceleratorPartitionLayouts"] = json!([{ "AcceleratorPartitionTypes": [layout] }]);
                }
                world.create_config(name, &[partitioned], json!({}));
            }
            let mut stack = Stack::new(&world, Delivery::Once, reversed);
            stack.deploy(&blue("whole"), None).await.expect("the stack is created");
            let before = world.picture();
            let reason = stack.deploy(&blue(to), None).await.unwrap_err();
            assert!(reason.contains("accelerator partition layout"), "{reason}");
            assert_eq!((world.picture(), snapshots(&world)), (before, vec![]), "{to}, reversed: {reversed}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_delivery_of_any_request_changes_no_deployment() {
    for history in histories() {
        for reversed in [false, true] {
            history.play(Delivery::Twice, reversed).await;
        }
    }
}

/// The histories in which every request is killed at every exchange. They cover each rule of the gate.
fn histories_to_be_killed() -> Vec<(History, bool)> {
    let blue = |config, max| template(config, &[("Blue", scaling("blue", max))]);
    let one = |to: Template, fails| History { first: blue("large", 4), native: &["green"], then: vec![(to, fails)] };
    let both = |fails| History { first: both_scaled("large"), native: &[], then: vec![(both_scaled("both"), fails)] };
    vec![
        (one(blue("xlarge", 4), None), false),
        (one(blue("xlarge", 4), Some(Fails::Endpoint)), false),
        // The scaling rolls back before the endpoint does, and keeps the desired state as a snapshot.
        (one(blue("xlarge", 6), Some(Fails::AfterScaling)), true),
        (one(template("xlarge", &[]), None), false),
        (one(blue("alone", 4), None), true),
        (both(Some(Fails::AfterEndpoint)), false),
        (both(None), true),
    ]
}

/// Plays histories once for each request and each exchange, at which the request is killed.
async fn kill(histories: Vec<(History, bool)>, killed: fn(usize, Crash) -> Delivery) -> u32 {
    let mut crashes = 0;
    for (history, reversed) in histories {
        let settles = history.settles().await;
        let (requests, _) = history.play_to(&settles, Delivery::Once, reversed).await;
        // `crashes.rs` kills the requests that create a stack.
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
async fn a_request_that_is_killed_at_any_exchange_and_delivered_again_changes_no_deployment() {
    let crashes = kill(histories_to_be_killed(), Delivery::Killed).await;
    assert!(crashes > 580, "only {crashes} crashes");
}

#[tokio::test(start_paused = true)]
async fn an_update_whose_request_is_killed_and_never_delivered_again_rolls_back_without_a_trace() {
    let mut histories = histories_to_be_killed();
    // A rollback whose request nobody answers fails, and then an operator has to act.
    histories.retain(|(history, _)| history.then[0].1.is_none());
    let both_ways = histories.into_iter().flat_map(|(history, _)| [(history.clone(), false), (history, true)]);
    let crashes = kill(both_ways.collect(), Delivery::Lost).await;
    assert!(crashes > 400, "only {crashes} crashes");
}

#[tokio::test(start_paused = true)]
async fn sagemaker_refuses_the_update_without_the_gate() {
    let mut refusals = 0;
    for history in histories() {
        let without = |template: &Template| Template { gate: false, ..template.clone() };
        let to = without(&history.then[0].0);
        if to.config == "model" {
            continue;
        }
        let world = configs();
        let mut stack = Stack::new(&world, Delivery::Once, false);
        stack.deploy(&without(&history.first), None).await.expect("the stack is created");
        register_natively(&world, history.native);
        let refused = stack.deploy(&to, None).await.unwrap_err();
        assert!(refused.contains("must be deregistered as scalable targets"), "{refused}");
        refusals += 1;
    }
    assert!(refusals > 20, "only {refusals}");
}

#[tokio::test(start_paused = true)]
async fn a_gate_before_its_endpoint_and_a_change_of_model_change_no_target() {
    let world = configs();
    world.called();
    let answer = world.succeed(gate("large")).await;
    assert_eq!(answer["PhysicalResourceId"], gate_id("prod", "large"));
    assert_eq!(answer["Data"], json!({ "EndpointName": "prod", "EndpointConfigName": "large" }));
    assert_eq!(world.called(), ["DescribeEndpoint"]);

    let world = endpoint();
    register_natively(&world, &["blue"]);
    world.called();
    world.succeed(gate_update("large", "model")).await;
    assert_eq!(world.registered().len(), 1);
    let reads = ["DescribeEndpoint", "DescribeEndpointConfig", "DescribeEndpointConfig", "GetParametersByPath"];
    assert_eq!(world.called(), reads);
}

#[tokio::test(start_paused = true)]
async fn a_gate_snapshots_both_dimensions_and_no_inference_component() {
    let world = configs();
    world.endpoints_take(0);
    let serverless = json!({ "MaxConcurrency": 20, "MemorySizeInMB": 2048, "ProvisionedConcurrency": 1 });
    let blue = json!({ "VariantName": "blue", "ModelName": "m", "ServerlessConfig": serverless });
    let green = json!({
        "VariantName": "green", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1,
    });
    let mixed = json!({ "EndpointConfigName": "mixed", "ProductionVariants": [blue, green] });
    world.aws("SageMaker.CreateEndpointConfig", mixed);
    create_prod(&world, "mixed");
    register_natively(&world, &["green"]);
    let component = json!({ "InferenceComponentName": "llm", "EndpointName": "prod", "VariantName": "green" });
    world.aws("SageMaker.CreateInferenceComponent", component);
    for (resource, dimension) in [
        (BLUE, "sagemaker:variant:DesiredProvisionedConcurrency"),
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
    let names: Vec<_> = snapshots(&world).iter().map(|parameter| parameter["Name"].clone()).collect();
    let expected =
        [snapshot_name("blue", "DesiredProvisionedConcurrency"), snapshot_name("green", "DesiredInstanceCount")];
    assert_eq!(names, expected);
    world.succeed(gate_update("both", "mixed")).await;
    assert_eq!(world.picture(), before);
}

#[tokio::test(start_paused = true)]
async fn a_gate_waits_for_a_scaling_activity_in_progress() {
    let world = endpoint();
    world.endpoints_take(200);
    let weights = json!([{ "VariantName": "green", "DesiredInstanceCount": 2 }]);
    let scale = json!({ "EndpointName": "prod", "DesiredWeightsAndCapacities": weights });
    world.aws("SageMaker.UpdateEndpointWeightsAndCapacities", scale);
    let hurried = gate_update("large", "xlarge").with("ServiceTimeout", json!("60"));
    let (reason, id) = world.refuse(hurried).await;
    assert!(reason.contains("waiting for endpoint prod to settle (it is Updating)"), "{reason}");
    assert_eq!(id, gate_id("prod", "large"));
    world.invoke_for(&gate_update("large", "xlarge").0.to_string(), Duration::from_secs(900)).await.unwrap();
    assert_eq!(world.last_answer()["Status"], "SUCCESS");
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_too_large_for_a_snapshot_fails_the_gate_before_anything_changes() {
    let world = endpoint();
    register_natively(&world, &["blue", "green"]);
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
    assert!(reason.starts_with("target endpoint/prod/variant/green: its snapshot takes"), "{reason}");
    assert_eq!(world.registered().len(), 2);
    assert!(snapshots(&world).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_missing_configuration_and_invalid_properties_fail_the_gate_before_anything_changes() {
    let world = endpoint();
    register_natively(&world, &["blue"]);
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
async fn a_target_whose_snapshot_was_not_stored_is_not_deregistered() {
    let world = endpoint();
    register_natively(&world, &["blue"]);
    let overwritten = json!({ "Name": blue_snapshot(), "Value": "y", "Overwrite": true });
    world.before("AmazonSSM.GetParameter", 1, &[("AmazonSSM.PutParameter", overwritten)]);
    let (reason, _) = world.refuse(gate_update("large", "xlarge")).await;
    assert!(reason.contains("does not hold what was written to it"), "{reason}");
    assert_eq!(world.registered().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_scheduled_action_that_has_ended_is_not_restored() {
    let world = endpoint();
    register_natively(&world, &["blue"]);
    for (name, end) in [("over", 1_700_000_100), ("lasting", 1_900_000_000)] {
        let action = json!({
            "ServiceNamespace": "sagemaker",
            "ResourceId": BLUE,
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
async fn a_target_that_is_registered_by_another_stack_meanwhile_stays_theirs() {
    let world = endpoint();
    register_natively(&world, &["blue"]);
    world.succeed(gate_update("large", "xlarge")).await;
    let other = create().with("EndpointName", json!("prod")).with("VariantName", json!("blue"));
    world.succeed(other).await;
    world.succeed(gate("xlarge").field("RequestType", json!("Delete")).of(&gate_id("prod", "large"))).await;
    assert_eq!(world.targets()[0]["MaxCapacity"], 8);
    assert!(snapshots(&world).is_empty());
}

#[tokio::test(start_paused = true)]
async fn policies_actions_and_tags_of_others_survive_the_update_of_the_endpoint() {
    let world = endpoint();
    let created = world.succeed(create().field("ResourceProperties", gated("large", 4))).await;
    let mut foreign = json!({
        "ServiceNamespace": "sagemaker",
        "ResourceId": BLUE,
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
        "ScheduledActionName": "foreign",
        "Schedule": "rate(1 day)",
        "ScalableTargetAction": { "MinCapacity": 1 },
    });
    world.aws("AnyScaleFrontendService.PutScheduledAction", foreign.clone());
    foreign["PolicyName"] = json!("foreign");
    foreign["PolicyType"] = json!("TargetTrackingScaling");
    foreign["TargetTrackingScalingPolicyConfiguration"] = json!({
        "TargetValue": 70.5,
        "PredefinedMetricSpecification": { "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance" },
    });
    world.aws("AnyScaleFrontendService.PutScalingPolicy", foreign);
    let tag = json!({ "ResourceARN": created["Data"]["ScalableTargetARN"], "Tags": { "foreign": "too" } });
    world.aws("AnyScaleFrontendService.TagResource", tag);
    let before = world.picture();

    world.succeed(gate_update("large", "xlarge")).await;
    assert!(world.registered().is_empty());
    world.update_endpoint("prod", "xlarge");
    let there = update().field("OldResourceProperties", gated("large", 4));
    let there = there.of(created["PhysicalResourceId"].as_str().unwrap());
    world.succeed(there.clone().field("ResourceProperties", gated("xlarge", 4))).await;
    assert_eq!(world.picture(), before);
    assert!(snapshots(&world).is_empty());

    // The stack's own policies follow the new template.
    world.succeed(gate_update("xlarge", "large")).await;
    world.update_endpoint("prod", "large");
    let back = there.field("OldResourceProperties", gated("xlarge", 4));
    world.succeed(back.field("ResourceProperties", gated("large", 6))).await;
    let shown = world.picture().to_string();
    assert_eq!(shown.matches("foreign").count(), 3, "{shown}");
    assert!(shown.contains("at-6") && !shown.contains("at-4"), "{shown}");
}

#[tokio::test(start_paused = true)]
async fn a_policy_of_others_that_the_service_refuses_keeps_nothing_else_from_being_restored() {
    let world = endpoint();
    let created = world.succeed(create().field("ResourceProperties", gated("large", 4))).await;
    let before = world.picture();
    let steps = json!({
        "PolicyName": "theirs",
        "PolicyType": "StepScaling",
        "StepScalingPolicyConfiguration": {
            "AdjustmentType": "ChangeInCapacity",
            "StepAdjustments": [{ "MetricIntervalLowerBound": 0, "ScalingAdjustment": 1 }],
        },
    });
    world.auto_scaling("PutScalingPolicy", target("endpoint/prod/variant/blue"), &steps);
    world.succeed(gate_update("large", "xlarge")).await;
    world.update_endpoint("prod", "xlarge");
    world.fail("PutScalingPolicy", "ValidationException", 1);
    let there = update().field("OldResourceProperties", gated("large", 4));
    let there = there.field("ResourceProperties", gated("xlarge", 4));
    world.succeed(there.of(created["PhysicalResourceId"].as_str().unwrap())).await;
    assert_eq!(world.picture(), before, "all but the policy that the service refuses");
    assert!(snapshots(&world).is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_adopted_target_stays_adopted_after_the_update_of_its_endpoint() {
    let world = endpoint();
    register_natively(&world, &["blue"]);
    let adopting = |config: &str| {
        let mut properties = gated(config, 4);
        properties["AdoptExisting"] = json!("true");
        properties
    };
    let created = world.succeed(create().field("ResourceProperties", adopting("large"))).await;
    let id = created["PhysicalResourceId"].as_str().unwrap();
    world.succeed(gate_update("large", "xlarge")).await;
    world.update_endpoint("prod", "xlarge");
    let there = update().field("OldResourceProperties", adopting("large"));
    world.succeed(there.field("ResourceProperties", adopting("xlarge")).of(id)).await;
    world.succeed(delete().field("ResourceProperties", adopting("xlarge")).of(id)).await;
    assert_eq!(world.registered(), [BLUE]);
    assert_eq!(world.tags(&world.targets()[0]), json!({ "by": "hand", "team": "ml {{x}}" }));
}

#[tokio::test(start_paused = true)]
async fn a_target_whose_endpoint_rolls_back_keeps_its_attributes() {
    let world = endpoint();
    let created = world.succeed(create().field("ResourceProperties", gated("large", 4))).await;
    let back =
        update().field("ResourceProperties", gated("xlarge", 4)).field("OldResourceProperties", gated("large", 4));
    let back = back.of(created["PhysicalResourceId"].as_str().unwrap());
    let answer = world.succeed(back.clone()).await;
    assert!(world.registered().is_empty());
    assert_eq!(answer["Data"], created["Data"]);
    assert_eq!(world.succeed(back).await["Data"], created["Data"]);
}

#[tokio::test(start_paused = true)]
async fn a_delete_drops_the_snapshot_of_its_own_target_only() {
    let world = endpoint();
    let names = |request: Request| request.with("EndpointName", json!("prod")).with("VariantName", json!("blue"));
    let id = BLUE_ID;
    world.succeed(names(create())).await;
    world.succeed(gate_update("large", "xlarge")).await;
    world.succeed(names(delete()).of(id).in_stack("other")).await;
    assert_eq!(snapshots(&world).len(), 1);
    world.succeed(names(delete()).of(id)).await;
    assert!(snapshots(&world).is_empty());
    world.succeed(names(update()).of(id)).await;
}

#[tokio::test(start_paused = true)]
async fn a_stale_gate_takes_no_snapshot() {
    let world = endpoint();
    register_natively(&world, &["blue"]);
    world.on_record_for(60, "UPDATE_COMPLETE", &gate_id("prod", "xlarge"));
    let (reason, _) = world.refuse(gate_update("large", "xlarge").from_years_ago()).await;
    assert_eq!(reason, "CloudFormation no longer waits for this request: the resource is UPDATE_COMPLETE");
    assert_eq!(world.registered().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_unreadable_snapshot_blocks_no_other_restore() {
    let world = endpoint();
    register_natively(&world, &["green"]);
    world.succeed(gate_update("large", "both")).await;
    world
        .aws("AmazonSSM.PutParameter", json!({ "Name": blue_snapshot(), "Value": "not a snapshot", "Type": "String" }));
    let (reason, _) = world.refuse(gate_update("both", "large")).await;
    assert!(
        reason.contains(&format!("parameter {} does not hold a snapshot that this version reads", blue_snapshot())),
        "{reason}"
    );
    assert_eq!(world.registered(), ["endpoint/prod/variant/green"]);
    assert_eq!(snapshots(&world).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_was_updated_outside_the_stack_keeps_its_scaling() {
    let world = configs();
    world.endpoints_take(0);
    create_prod(&world, "xlarge");
    let named = |request: Request| {
        let request = request.with("EndpointName", json!("prod")).with("VariantName", json!("blue"));
        request.with("UpdateGate", json!(gate_id("prod", "large")))
    };
    world.succeed(named(create())).await;
    assert_eq!(world.registered(), [BLUE]);
    let id = BLUE_ID;
    let old = named(create()).0["ResourceProperties"].clone();
    let request = named(update()).of(id).field("OldResourceProperties", old).with("MaxCapacity", json!("5"));
    world.succeed(request).await;
    // A gate whose configuration stays takes no snapshot either: no update of the endpoint follows.
    world.succeed(gate_update("large", "large").with("ServiceTimeout", json!("60"))).await;
    assert_eq!(world.targets()[0]["MaxCapacity"], 5);
    assert!(snapshots(&world).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_becomes_stale_while_it_deregisters_restores_its_targets() {
    let world = endpoint();
    register_natively(&world, &["blue", "green"]);
    let before = world.picture();
    world.on_record("UPDATE_IN_PROGRESS", &gate_id("prod", "large"));
    world.on_record_before("DeregisterScalableTarget", "UPDATE_ROLLBACK_COMPLETE", "x");
    let (reason, _) = world.refuse(gate_update("large", "both").from_years_ago()).await;
    assert!(reason.ends_with("UPDATE_ROLLBACK_COMPLETE"), "{reason}");
    assert_eq!(world.picture(), before);
    assert!(snapshots(&world).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_gate_deregisters_a_target_of_another_stack_only_if_it_includes_other_stacks() {
    let world = endpoint();
    world.succeed(create().field("ResourceProperties", gated("large", 4)).in_stack("other")).await;
    let before = world.picture();
    let (reason, _) = world.refuse(gate_update("large", "xlarge")).await;
    for part in ["IncludeOtherStacks: target endpoint/prod/variant/blue", "stack/other", "Nothing was changed"] {
        assert!(reason.contains(part), "{part} is not in: {reason}");
    }
    assert_eq!((world.picture(), snapshots(&world).len()), (before.clone(), 0));
    let including = |from: &str, to: &str| gate_update(from, to).with("IncludeOtherStacks", json!("true"));
    world.succeed(including("large", "xlarge")).await;
    assert_eq!((world.registered().len(), snapshots(&world).len()), (0, 1));
    world.succeed(including("xlarge", "large")).await;
    assert_eq!((world.picture(), snapshots(&world).len()), (before, 0), "with its owner's tags");
}
