//! The calls to AWS that each kind of request makes, and how long it waits: the table of `docs/benchmarks/calls.md`.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};
use test_support::account::Account as _;
use test_support::attached::{action, tracking};
use test_support::request::{Request, create, delete, gate_id, update};
use tokio::time::{Instant, sleep};

use crate::support::prod::{BLUE_ID, blue, configs, create_prod, endpoint, gate, gate_delete, gate_update};
use crate::support::world::World;

const PAGE: &str = include_str!("../../docs/benchmarks/calls.md");
const HEAD: &str =
    "| request | calls | Application Auto Scaling | SageMaker | Parameter Store | CloudFormation | waits |
|---|---|---|---|---|---|---|
";
/// Longer than anything that the function remembers or waits for.
const LONG: Duration = Duration::from_secs(600);
const SERVICES: [&str; 4] = ["AnyScaleFrontendService", "SageMaker", "AmazonSSM", "CloudFormation"];

/// Requests whose calls are counted, one after the other, on one endpoint.
struct Table {
    world: World,
    rows: String,
    /// The calls to each service, and the seconds.
    total: ([usize; SERVICES.len()], u64),
}

impl Table {
    fn of(world: World) -> Self {
        Self { world, rows: String::new(), total: Default::default() }
    }

    /// Sends a request that has to succeed, with CloudFormation's record as it is then.
    async fn row(&mut self, what: &str, request: Request) -> &mut Self {
        let id = request.0["PhysicalResourceId"].as_str().unwrap_or_default().to_owned();
        let status = match request.0["RequestType"].as_str() {
            Some("Create") => "CREATE_IN_PROGRESS",
            Some("Update") => "UPDATE_IN_PROGRESS",
            _ => "DELETE_IN_PROGRESS",
        };
        self.world.on_record(status, &id);
        self.world.targets_called();
        let began = Instant::now();
        // As long as the function's Timeout in template.yaml.
        self.world.invoke_for(&request.0.to_string(), Duration::from_secs(900)).await.expect("an answer");
        assert_eq!(self.world.last_answer()["Status"], "SUCCESS", "{what}: {}", self.world.last_answer());
        let (waited, called) = (began.elapsed().as_secs_f64().ceil() as u64, self.world.targets_called());
        let calls = SERVICES.map(|service| called.iter().filter(|target| target.starts_with(service)).count());
        assert_eq!(called.len(), calls.iter().sum::<usize>(), "{called:?}");
        self.total = (std::array::from_fn(|service| self.total.0[service] + calls[service]), self.total.1 + waited);
        self.write(what, (calls, waited));
        self
    }

    /// The sum of all rows.
    fn total(mut self, what: &str) -> String {
        self.write(what, self.total);
        self.rows
    }

    fn write(&mut self, what: &str, (calls, waited): ([usize; SERVICES.len()], u64)) {
        let [auto_scaling, sagemaker, parameter_store, cloudformation] = calls;
        let all: usize = calls.iter().sum();
        writeln!(
            self.rows,
            "| {what} | {all} | {auto_scaling} | {sagemaker} | {parameter_store} | {cloudformation} | {waited} s |"
        )
        .expect("a text");
    }

    /// Waits [`LONG`], so that the next row is an operation of its own.
    async fn later(&mut self) -> &mut Self {
        sleep(LONG).await;
        self
    }
}

/// The properties of `blue`, with one policy and two scheduled actions.
fn properties(config: Option<&str>, max: u32) -> Value {
    let mut properties = json!({
        "EndpointName": "prod", "VariantName": "blue", "MinCapacity": "1", "MaxCapacity": max.to_string(),
        "ScalingPolicies": [tracking("invocations", "70")],
        "ScheduledActions": [action("morning", "2"), action("evening", "1")],
    });
    if let Some(config) = config {
        properties["UpdateGate"] = json!(gate_id("prod", config));
    }
    properties
}

fn scaling(properties: &Value) -> Request {
    create().field("ResourceProperties", properties.clone())
}

fn scaling_update(old: &Value, new: &Value) -> Request {
    let request = update().field("ResourceProperties", new.clone()).field("OldResourceProperties", old.clone());
    request.of(BLUE_ID)
}

fn scaling_delete(properties: &Value) -> Request {
    delete().field("ResourceProperties", properties.clone()).of(BLUE_ID)
}

/// Without policies, actions and gate.
fn bare(max: u32) -> Value {
    let mut properties = properties(None, max);
    for list in ["ScalingPolicies", "ScheduledActions"] {
        properties.as_object_mut().expect("an object").remove(list);
    }
    properties
}

fn adopting(mut properties: Value) -> Value {
    properties["AdoptExisting"] = json!("true");
    properties
}

async fn without_a_gate() -> String {
    let mut table = Table::of(endpoint());
    table.row("Create of a target alone", scaling(&bare(4))).await.later().await;
    table.row("Update of its maximum", scaling_update(&bare(4), &bare(5))).await.later().await;
    table.row("Delete", scaling_delete(&bare(5))).await.later().await;
    table.row("Delete of a target that is not registered", scaling_delete(&bare(5))).await.later().await;
    let (old, new) = (properties(None, 4), properties(None, 5));
    table.row("Create with the policy and the actions", scaling(&old)).await.later().await;
    table.row("Update of the maximum, with these", scaling_update(&old, &new)).await.later().await;
    table.row("Delete, with these", scaling_delete(&new)).await.later().await;
    table.world.auto_scaling("RegisterScalableTarget", blue(), &json!({ "MinCapacity": 1, "MaxCapacity": 4 }));
    table.later().await.row("Create with `AdoptExisting`, of a bare target", scaling(&adopting(bare(4)))).await;
    table.rows
}

async fn of_a_new_endpoint() -> String {
    let mut table = Table::of(configs());
    table.world.endpoints_take(300);
    table.row("Create of a gate, before its endpoint", gate("large")).await;
    create_prod(&table.world, "large");
    let behind = properties(Some("large"), 4);
    table.row("Create with `UpdateGate`, whose endpoint is ready after five minutes", scaling(&behind)).await;
    table.rows
}

/// `prod` and `blue` behind a gate, before an update.
async fn before_an_update() -> Table {
    let table = Table::of(endpoint());
    table.world.succeed(gate("large")).await;
    table.world.succeed(scaling(&properties(Some("large"), 4))).await;
    sleep(LONG).await;
    table
}

async fn of_an_update() -> String {
    let mut table = before_an_update().await;
    table.row("the gate's Update", gate_update("large", "xlarge")).await;
    table.world.update_endpoint("prod", "xlarge");
    let update = scaling_update(&properties(Some("large"), 4), &properties(Some("xlarge"), 4));
    table.later().await.row("the target's Update, after the endpoint's", update).await;
    table.row("Delete of the gate's old id, in the clean-up", gate_delete("large")).await;
    table.total("all requests of the update")
}

async fn of_a_rollback() -> String {
    let mut table = before_an_update().await;
    table.row("the gate's Update; then the endpoint's fails", gate_update("large", "xlarge")).await;
    table.later().await.row("the gate's Update in the rollback", gate_update("xlarge", "large")).await;
    table.row("Delete of the gate's new id, in the clean-up", gate_delete("xlarge")).await;
    table.total("all requests of the update and its rollback")
}

/// If it fails, its message has the tables as they are now.
#[tokio::test(start_paused = true)]
async fn the_page_has_the_calls_of_each_kind_of_request() {
    let plain = without_a_gate().await + &of_a_new_endpoint().await;
    for rows in [plain, of_an_update().await, of_a_rollback().await] {
        let table = format!("{HEAD}{rows}");
        assert!(PAGE.contains(&table), "docs/benchmarks/calls.md does not have this table:\n{table}");
    }
}
