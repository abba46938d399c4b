//! What a request leaves in the log, and that what is asked of the log is there.

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use sagemaker_scaling::deadline::Deadline;
use sagemaker_scaling::handler::handle;
use sagemaker_scaling::observability::log;
use sagemaker_scaling::observability::metrics::{METRICS, NAMESPACE};
use serde_json::{Value, json};
use tracing::Dispatch;
use tracing::level_filters::LevelFilter;

use crate::support::log::Log;
use crate::support::request::{ID, Request, STACK, create, delete, update};
use crate::support::world::{FUNCTION_ARN, Trouble, World};

/// The lines of the log while requests are carried out.
async fn logged(level: LevelFilter, work: impl AsyncFnOnce()) -> Vec<Value> {
    LazyLock::force(&ANOTHER);
    let log = Log::default();
    let writer = log.clone();
    let _guard = tracing::subscriber::set_default(log::subscriber(move || writer.clone(), level));
    work().await;
    log.text().lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

/// While there is one subscriber only, `tracing` asks that of the thread which comes to an event first whether anybody
/// wants it: the other tests have none.
static ANOTHER: LazyLock<Dispatch> =
    LazyLock::new(|| Dispatch::new(log::subscriber(std::io::sink, LevelFilter::TRACE)));

/// The one line that tells of a request as a whole.
async fn summary(world: &World, request: Request) -> Value {
    let lines = logged(LevelFilter::INFO, async || drop(world.invoke(&request.0.to_string()).await)).await;
    let mut summaries = lines.into_iter().filter(|line| line["message"] == "answered");
    let summary = summaries.next().expect("a summary");
    assert_eq!(summaries.next(), None);
    summary
}

/// The gate's way from one configuration of `MyEndPoint` to another.
fn gate(from: &str, to: &str) -> Request {
    let properties = |config: &str| json!({ "EndpointName": "MyEndPoint", "EndpointConfigName": config });
    update()
        .of(&format!("endpoint/MyEndPoint/config/{from}|update-gate"))
        .field("ResourceType", json!("Custom::SageMakerEndpointUpdateGate"))
        .field("LogicalResourceId", json!("Gate"))
        .field("ResourceProperties", properties(to))
        .field("OldResourceProperties", properties(from))
}

fn with_larger_config() -> World {
    let world = World::new();
    let variant = |name: &str, instance_type: &str| json!({ "VariantName": name, "ModelName": "m", "InstanceType": instance_type, "InitialInstanceCount": 1 });
    let variants = [variant("MyVariant", "ml.m5.xlarge"), variant("MyOtherVariant", "ml.m5.large")];
    let config = json!({ "EndpointConfigName": "larger", "ProductionVariants": variants });
    world.aws("SageMaker.CreateEndpointConfig", config);
    world
}

#[tokio::test(start_paused = true)]
async fn the_summary_tells_who_asked_what_was_decided_and_what_came_of_it() {
    let world = World::new();
    let line = summary(&world, create()).await;
    for (field, expected) in [
        ("level", json!("INFO")),
        ("function_name", json!("sagemaker-scaling")),
        ("request_type", json!("Create")),
        ("resource_type", json!("Custom::SageMakerScalableTarget")),
        ("stack_id", json!(STACK)),
        ("logical_resource_id", json!("Scaling")),
        ("request_id", json!("r-1")),
        ("physical_resource_id", json!(ID)),
        ("decision", json!("Create")),
        ("outcome", json!("SUCCESS")),
        ("reason", json!("")),
        ("delivered", json!(true)),
        ("failed", json!(0)),
        ("calls", json!(2)),
        ("retries", json!(0)),
        ("delivery_attempts", json!(1)),
    ] {
        assert_eq!(line[field], expected, "{field} in {line}");
    }
    assert_eq!(summary(&world, update()).await["decision"], "Renew");
    let line = summary(&world, update().with("MinCapacity", json!("9"))).await;
    assert_eq!((&line["outcome"], &line["failed"], &line["decision"]), (&json!("FAILED"), &json!(1), &json!("")));
    assert!(line["reason"].as_str().expect("text").starts_with("MinCapacity: "), "{line}");
    let line = summary(&world, create().in_stack("another")).await;
    assert_eq!((&line["outcome"], &line["decision"]), (&json!("FAILED"), &json!("Create, Refuse")));
    assert_eq!(summary(&world, delete()).await["decision"], "Deregister");
    assert_eq!(summary(&world, delete().of("not-registered|Scaling")).await["decision"], "");

    world.register_by_hand(json!({}));
    assert_eq!(summary(&world, update().with("AdoptExisting", json!("true"))).await["decision"], "Adopt, Renew");
    assert_eq!(summary(&world, delete()).await["decision"], "Release");
}

#[tokio::test(start_paused = true)]
async fn what_is_waited_for_is_told_once() {
    let world = World::new();
    world.aws("LocalAws.SetEndpointTakes", json!({"Seconds": 100}));
    world.endpoint("slow", &["MyVariant"]);
    let request = create().with("EndpointName", json!("slow"));
    let lines = logged(LevelFilter::INFO, async || drop(world.answer(request).await)).await;
    let messages: Vec<_> = lines.iter().map(|line| &line["message"]).collect();
    assert_eq!(messages, ["waiting for endpoint slow to be InService (it is Creating)", "answered"]);
}

#[tokio::test(start_paused = true)]
async fn it_counts_what_was_tried_again() {
    let world = World::new();
    world.fail("RegisterScalableTarget", "ThrottlingException", 2);
    world.trouble_answering(Trouble::Status(503));
    let line = summary(&world, create()).await;
    assert_eq!((&line["retries"], &line["delivery_attempts"]), (&json!(2), &json!(2)));
    assert!(line["elapsed_ms"].as_u64().expect("a number") > 1_000, "{line}");

    world.trouble_answering(Trouble::Status(403));
    let line = summary(&world, update()).await;
    assert_eq!((&line["outcome"], &line["delivered"]), (&json!("SUCCESS"), &json!(false)));
}

#[tokio::test(start_paused = true)]
async fn it_counts_what_a_gate_parks_and_brings_back() {
    let world = with_larger_config();
    world.succeed(create()).await;
    let line = summary(&world, gate("MyEndPoint-config", "larger")).await;
    assert_eq!((&line["decision"], &line["parked"]), (&json!("Park"), &json!(1)), "{line}");
    let line = summary(&world, gate("larger", "MyEndPoint-config")).await;
    assert_eq!((&line["decision"], &line["brought_back"]), (&json!("BringBack"), &json!(1)), "{line}");
}

#[tokio::test(start_paused = true)]
async fn its_metrics_are_in_the_embedded_format_at_every_level() {
    for level in [LevelFilter::ERROR, LevelFilter::INFO, LevelFilter::TRACE] {
        let world = World::new();
        let lines = logged(level, async || drop(world.answer(create()).await)).await;
        let [line] = &lines[..] else { panic!("{lines:?}") };
        let metadata = line["_aws"].as_object().expect("metadata at the root");
        assert!(metadata["Timestamp"].as_u64().is_some_and(|millis| millis > 1_700_000_000_000), "{metadata:?}");
        let [directive] = &metadata["CloudWatchMetrics"].as_array().expect("directives")[..] else { panic!("one") };
        assert_eq!(
            (&directive["Namespace"], &directive["Dimensions"]),
            (&json!(NAMESPACE), &json!([["function_name"]]))
        );
        // What a directive names is at the root: dimensions as text, metrics as numbers.
        assert!(line["function_name"].is_string());
        let metrics = directive["Metrics"].as_array().expect("metrics");
        assert_eq!(metrics.len(), METRICS.len());
        for metric in metrics {
            assert!(line[metric["Name"].as_str().expect("a name")].is_number(), "{metric} of {line}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_other_line_names_the_resource_too() {
    let world = World::new();
    world.fail("DescribeEndpoint", "ThrottlingException", 1);
    world.trouble_answering(Trouble::Status(503));
    let lines = logged(LevelFilter::WARN, async || drop(world.answer(create()).await)).await;
    let messages: Vec<_> = lines.iter().map(|line| line["message"].as_str().expect("a message")).collect();
    assert_eq!(messages, ["trying again", "answering again", "answered"]);
    for line in &lines[..2] {
        let span = &line["span"];
        assert_eq!((&span["stack_id"], &span["logical_resource_id"]), (&json!(STACK), &json!("Scaling")), "{line}");
        assert_eq!(span["request_id"], "r-1");
    }
}

/// The names of all fields, those of objects with their object's.
fn fields(line: &Value, prefix: &str, into: &mut BTreeSet<String>) {
    for (name, value) in line.as_object().into_iter().flatten() {
        let name = format!("{prefix}{name}");
        fields(value, &format!("{name}."), into);
        into.insert(name);
    }
}

/// What a query asks for: its words without texts, names that it gives itself, and the language's own.
fn asked(query: &str) -> BTreeSet<String> {
    const LANGUAGE: [&str; 20] = [
        "and", "asc", "avg", "by", "coalesce", "count", "desc", "display", "fields", "filter", "in", "like", "limit",
        "max", "not", "or", "pct", "sort", "stats", "sum",
    ];
    let without_texts: String = query.split(['"', '\'']).step_by(2).collect::<Vec<_>>().join(" ");
    let words: Vec<_> = without_texts.split(|c: char| !c.is_ascii_alphanumeric() && !"_.@".contains(c)).collect();
    let given: Vec<_> = words.windows(2).filter(|pair| pair[0] == "as").map(|pair| pair[1]).collect();
    let is_field = |word: &&&str| {
        let starts = word.starts_with(|c: char| c.is_ascii_lowercase());
        starts && **word != "as" && !LANGUAGE.contains(word) && !given.contains(word)
    };
    words.iter().filter(is_field).map(|word| (*word).to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn what_the_documented_queries_ask_for_is_in_the_log() {
    let world = with_larger_config();
    let lines = logged(LevelFilter::INFO, async || {
        world.fail("RegisterScalableTarget", "ThrottlingException", 1);
        world.succeed(create()).await;
        world.succeed(gate("MyEndPoint-config", "larger")).await;
        let tomorrow = SystemTime::now() + Duration::from_secs(25 * 60 * 60);
        let deadline = Deadline::from_now(tomorrow, tomorrow + Duration::from_secs(60));
        let back = gate("larger", "MyEndPoint-config").0.to_string();
        handle(&back, FUNCTION_ARN, deadline, &world.services()).await.expect("it is answered");
        world.fail("DescribeStackResource", "AccessDenied", 1);
        world.refuse(create().in_stack("another")).await;
    })
    .await;
    let mut known = BTreeSet::new();
    lines.iter().for_each(|line| fields(line, "", &mut known));

    let (docs, template) = (include_str!("../../docs/OBSERVABILITY.md"), include_str!("../../template.yaml"));
    let documented = docs.split("```").skip(1).step_by(2).filter_map(|block| block.strip_prefix("text\n"));
    let of_dashboard =
        template.lines().filter_map(|line| line.trim().strip_prefix("\"query\": \"SOURCE '${LogGroup}' | "));
    let queries: Vec<_> = documented.chain(of_dashboard).collect();
    assert_eq!(queries.len(), 7);
    for query in queries {
        let asked = asked(query);
        assert!(!asked.is_empty(), "{query}");
        assert!(asked.is_subset(&known), "{query} asks for {:?}", asked.difference(&known));
    }
    for (metric, _) in METRICS {
        assert!(docs.contains(&format!("`{metric}`")) && template.contains(&format!("\"{metric}\"")), "{metric}");
    }
}
