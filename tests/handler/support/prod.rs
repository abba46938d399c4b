//! Endpoint `prod` with the variants `blue` and `green`, its gate, and the snapshots of its targets.

use serde_json::{Value, json};
use test_support::account::{Account as _, target, variant};
use test_support::attached::{action, merged, step, tracking};
use test_support::function::SNAPSHOTS;
use test_support::request::{Request, create_gate, delete_gate, gate_id, update, update_gate};

use super::world::World;

/// A world with the configurations that `prod` goes through. `blue` may change its instance type, `green` may be dropped.
/// Updates take a minute.
pub(crate) fn configs() -> World {
    let world = World::new();
    let large = "ml.m5.large";
    let pool = |kind: &str, priority: u8| json!({ "InstanceType": kind, "Priority": priority });
    let pools = json!([pool(large, 1), pool("ml.m5.xlarge", 2)]);
    let serverless = json!({ "MaxConcurrency": 20, "MemorySizeInMB": 2048, "ProvisionedConcurrency": 1 });
    let blue = |hosting: Value| merged(json!({ "VariantName": "blue", "ModelName": "m" }), &hosting);
    for (name, variants) in [
        ("large", vec![variant("blue", "m", large), variant("green", "m", large)]),
        ("xlarge", vec![variant("blue", "m", "ml.m5.xlarge"), variant("green", "m", large)]),
        ("alone", vec![variant("blue", "m", large)]),
        ("alone-xlarge", vec![variant("blue", "m", "ml.m5.xlarge")]),
        ("both", vec![variant("blue", "m", "ml.m5.2xlarge"), variant("green", "m", "ml.m5.2xlarge")]),
        ("model", vec![variant("blue", "other", large), variant("green", "m", large)]),
        ("pools", vec![blue(json!({ "InstancePools": pools })), variant("green", "m", large)]),
        ("fewer-pools", vec![blue(json!({ "InstancePools": [pool(large, 1)] })), variant("green", "m", large)]),
        ("serverless", vec![blue(json!({ "ServerlessConfig": serverless })), variant("green", "m", large)]),
    ] {
        world.create_config(name, &variants, json!({}));
    }
    world.endpoints_take(60);
    world
}

/// The same with `prod`, which runs `large`. Updates take no time.
pub(crate) fn endpoint() -> World {
    let world = configs();
    world.endpoints_take(0);
    create_prod(&world, "large");
    world
}

/// Creates `prod`.
pub(crate) fn create_prod(world: &World, config: &str) {
    world.aws("SageMaker.CreateEndpoint", json!({ "EndpointName": "prod", "EndpointConfigName": config }));
}

/// The configuration that `prod` runs.
pub(crate) fn running_config(world: &World) -> Value {
    world.aws("SageMaker.DescribeEndpoint", json!({ "EndpointName": "prod" }))["EndpointConfigName"].take()
}

/// `blue`, as the API names the target.
pub(crate) fn blue() -> Value {
    target(BLUE)
}

/// Registers variants as a native resource would, with a tag and a policy.
pub(crate) fn register_natively(world: &World, variants: &[&str]) {
    for variant in variants {
        let target = target(&format!("endpoint/prod/variant/{variant}"));
        let limits = json!({ "MinCapacity": 1, "MaxCapacity": 7, "Tags": { "by": "hand" } });
        world.auto_scaling("RegisterScalableTarget", target.clone(), &limits);
        let policy = tracking("SageMakerEndpointInvocationScalingPolicy", 70.5);
        world.auto_scaling("PutScalingPolicy", target, &policy);
    }
}

/// The properties of a variant's scaling.
pub(crate) fn scaling(variant: &str, max: u32) -> Value {
    json!({
        "VariantName": variant,
        "MinCapacity": "1",
        "MaxCapacity": max.to_string(),
        "SuspendedState": { "DynamicScalingInSuspended": "true" },
        "Tags": [{ "Key": "team", "Value": "ml {{x}}" }],
        "ScalingPolicies": [step("always", max.to_string()), step(&format!("at-{max}"), max.to_string())],
        "ScheduledActions": [action("morning", "1")],
    })
}

/// The properties of the scaling of `blue` without `UpdateGate`.
pub(crate) fn ungated(max: u32) -> Value {
    let mut properties = scaling("blue", max);
    properties["EndpointName"] = json!("prod");
    properties
}

/// The properties of the scaling of `blue` with the gate for a configuration.
pub(crate) fn gated(config: &str, max: u32) -> Value {
    let mut properties = ungated(max);
    properties["UpdateGate"] = json!(gate_id("prod", config));
    properties
}

/// An Update of the scaling of `blue`: the configuration of its gate and the maximum, before and after.
pub(crate) fn scaling_update(from: (&str, u32), to: (&str, u32)) -> Request {
    let request = update().field("ResourceProperties", gated(to.0, to.1));
    request.field("OldResourceProperties", gated(from.0, from.1)).of(BLUE_ID)
}

/// The gate's Create.
pub(crate) fn gate(config: &str) -> Request {
    create_gate("prod", config)
}

/// The gate's Update.
pub(crate) fn gate_update(from: &str, to: &str) -> Request {
    update_gate("prod", from, to)
}

/// The gate's Delete.
pub(crate) fn gate_delete(config: &str) -> Request {
    delete_gate("prod", config)
}

/// The parameters that contain snapshots.
pub(crate) fn snapshots(world: &World) -> Vec<Value> {
    let folder = json!({ "Path": SNAPSHOTS, "Recursive": true });
    world.aws("AmazonSSM.GetParametersByPath", folder)["Parameters"].as_array().expect("a list").clone()
}

/// What the first snapshot holds.
pub(crate) fn first_snapshot(world: &World) -> Value {
    serde_json::from_str(snapshots(world)[0]["Value"].as_str().expect("a text")).expect("JSON")
}

/// The call that stores the snapshot of `blue` that another world has.
pub(crate) fn stores_snapshot_of(other: &World) -> (&'static str, Value) {
    let value = &snapshots(other)[0]["Value"];
    ("AmazonSSM.PutParameter", json!({ "Name": blue_snapshot(), "Value": value, "Type": "String" }))
}

/// The name of the parameter that contains a snapshot of a variant of `prod`.
pub(crate) fn snapshot_name(variant: &str, dimension: &str) -> String {
    format!("{SNAPSHOTS}/endpoint/prod/variant/{variant}/sagemaker.variant.{dimension}")
}

/// The name of the parameter that contains a snapshot of `blue`.
pub(crate) fn blue_snapshot() -> String {
    snapshot_name("blue", "DesiredInstanceCount")
}

/// The `ResourceId` of `blue`.
pub(crate) const BLUE: &str = "endpoint/prod/variant/blue";
/// The physical id of the scaling of `blue`.
pub(crate) const BLUE_ID: &str = "endpoint/prod/variant/blue|sagemaker:variant:DesiredInstanceCount|sagemaker";
