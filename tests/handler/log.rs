//! The log of a request, and the queries, the metrics and the dashboard that read it.

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use test_support::account::{Account as _, my_variant, variant};
use test_support::attached::{merged, step, tracking};
use test_support::function::{
    Deadline, FUNCTION_ARN, METRICS, NAMESPACE, OF_FAILED_REPORT, OF_FAILED_SCALING, OF_REPORT, RESTORE_DECISION,
    RESTORED, SNAPSHOT_DECISION, SNAPSHOTTED, UPDATE_DECISION, handle, log,
};
use test_support::log::Log;
use test_support::request::{ID, MY_VARIANT, NOT_REGISTERED, Request, STACK, create, delete, update, update_gate};
use tracing::Dispatch;
use tracing::level_filters::LevelFilter;

use crate::support::world::{Trouble, World};

/// The log lines of some work.
async fn logged(level: LevelFilter, work: impl AsyncFnOnce()) -> Vec<Value> {
    LazyLock::force(&ANOTHER);
    let log = Log::default();
    let writer = log.clone();
    let _guard = tracing::subscriber::set_default(log::subscriber(move || writer.clone(), level));
    work().await;
    log.text().lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

/// A second subscriber. With only one, `tracing` caches for all threads whether the thread that reaches an event first
/// has a subscriber for it, and the other tests have none.
static ANOTHER: LazyLock<Dispatch> =
    LazyLock::new(|| Dispatch::new(log::subscriber(std::io::sink, LevelFilter::TRACE)));

/// The summary of a request, which is one line.
async fn summary(world: &World, request: Request) -> Value {
    let lines = logged(LevelFilter::INFO, async || drop(world.invoke(&request.0.to_string()).await)).await;
    let mut summaries = lines.into_iter().filter(|line| line["message"] == "request finished");
    let summary = summaries.next().expect("a summary");
    assert_eq!(summaries.next(), None);
    summary
}

fn with_larger_config() -> World {
    let world = World::new();
    let variants = [variant("MyVariant", "m", "ml.m5.xlarge"), variant("MyOtherVariant", "m", "ml.m5.large")];
    world.create_config("larger", &variants, json!({}));
    world
}

#[tokio::test(start_paused = true)]
async fn a_variant_whose_instances_sagemaker_scales_itself_is_registered_after_a_warning() {
    let world = World::new();
    for (name, status, warnings) in
        [("managed", Some("ENABLED"), 1), ("by-default", None, 1), ("off", Some("DISABLED"), 0)]
    {
        let mut own = variant("MyVariant", "m", "ml.g6.2xlarge");
        own["ManagedInstanceScaling"] = json!({ "Status": status, "MinInstanceCount": 1, "MaxInstanceCount": 4 });
        world.create_config(name, &[own, variant("MyOtherVariant", "m", "ml.g6.2xlarge")], json!({}));
        world.aws("SageMaker.CreateEndpoint", json!({ "EndpointName": name, "EndpointConfigName": name }));
        world.called();
        let request = create().with("EndpointName", json!(name));
        let lines = logged(LevelFilter::WARN, async || drop(world.succeed(request.clone()).await)).await;
        let warned: Vec<_> = lines.iter().filter(|line| line["level"] == "WARN").collect();
        assert_eq!(warned.len(), warnings, "{name}: {lines:?}");
        for line in warned {
            assert_eq!(line["target"], format!("endpoint/{name}/variant/MyVariant"));
            let message = line["message"].as_str().expect("text");
            assert!(message.contains("(ManagedInstanceScaling)"), "{message}");
        }
        assert_eq!(world.called(), ["DescribeEndpoint", "RegisterScalableTarget"], "no call more");
        let other = request.with("VariantName", json!("MyOtherVariant"));
        let lines = logged(LevelFilter::WARN, async || drop(world.succeed(other).await)).await;
        assert!(lines.iter().all(|line| line["level"] != "WARN"), "{lines:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_predefined_metric_of_an_asynchronous_endpoint_is_put_after_a_warning() {
    let world = World::new();
    let output = json!({"AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": "s3://b/p"}}});
    world.create_endpoint_with("queue", &["MyVariant"], output);
    let mut concurrent = tracking("concurrent", "5");
    concurrent["TargetTrackingScalingPolicyConfiguration"]["PredefinedMetricSpecification"] =
        json!({ "PredefinedMetricType": "SageMakerVariantConcurrentRequestsPerModelHighResolution" });
    let mut backlog = tracking("backlog", "5");
    backlog["TargetTrackingScalingPolicyConfiguration"] = json!({
        "TargetValue": "5",
        "CustomizedMetricSpecification": {
            "MetricName": "ApproximateBacklogSizePerInstance", "Namespace": "AWS/SageMaker", "Statistic": "Average",
        },
    });
    let policies = json!([step("steps", "1"), tracking("requests", "70"), backlog, concurrent]);
    let request = create().with("ScalingPolicies", policies);
    let of_queue = request.clone().with("EndpointName", json!("queue"));
    let lines = logged(LevelFilter::WARN, async || drop(world.succeed(of_queue).await)).await;
    let warned: Vec<_> = lines.iter().filter(|line| line["level"] == "WARN").collect();
    for line in &warned {
        let message = line["message"].as_str().expect("text");
        assert!(message.contains("ApproximateBacklogSizePerInstance"), "{message}");
        assert_eq!(line["target"], "endpoint/queue/variant/MyVariant");
    }
    assert_eq!(warned.iter().map(|line| &line["policy"]).collect::<Vec<_>>(), ["requests", "concurrent"]);
    let lines = logged(LevelFilter::WARN, async || drop(world.succeed(request).await)).await;
    assert!(lines.iter().all(|line| line["level"] != "WARN"), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn the_summary_has_the_request_the_decisions_and_the_outcome() {
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
    assert_eq!(summary(&world, update()).await["decision"], UPDATE_DECISION);
    let line = summary(&world, update().with("MinCapacity", json!("9"))).await;
    assert_eq!((&line["outcome"], &line["failed"], &line["decision"]), (&json!("FAILED"), &json!(1), &json!("")));
    assert!(line["reason"].as_str().expect("text").starts_with("MinCapacity: "), "{line}");
    let line = summary(&world, create().in_stack("another")).await;
    assert_eq!((&line["outcome"], &line["decision"]), (&json!("FAILED"), &json!("Create, Refuse")));
    assert_eq!(summary(&world, delete()).await["decision"], "Deregister");
    assert_eq!(summary(&world, delete().of(NOT_REGISTERED)).await["decision"], "");

    world.register_by_hand(json!({}));
    assert_eq!(
        summary(&world, update().with("AdoptExisting", json!("true"))).await["decision"],
        format!("Adopt, {UPDATE_DECISION}")
    );
    assert_eq!(summary(&world, delete()).await["decision"], "Release");
}

#[tokio::test(start_paused = true)]
async fn a_wait_is_logged_once() {
    let world = World::new();
    world.create_slow_endpoint(100);
    let request = create().with("EndpointName", json!("slow")).with("ServiceTimeout", json!("60"));
    let lines = logged(LevelFilter::INFO, async || drop(world.answer(request).await)).await;
    let messages: Vec<_> = lines.iter().map(|line| &line["message"]).collect();
    let waiting = "waiting for endpoint slow to be InService (it is Creating)";
    assert_eq!(messages, [waiting, "not handed over to another invocation", "request finished"]);
}

#[tokio::test(start_paused = true)]
async fn a_long_wait_is_logged_every_five_minutes_with_its_progress() {
    let world = World::new();
    world.create_slow_endpoint(1_500);
    let request = create().with("EndpointName", json!("slow")).late(120).0.to_string();
    let lines =
        logged(LevelFilter::INFO, async || drop(world.invoke_for(&request, Duration::from_secs(900)).await)).await;
    let waits = "waiting for endpoint slow to be InService (it is Creating)";
    let told = lines.iter().filter_map(|line| line["message"].as_str()?.strip_prefix(waits));
    let expected = [
        ", for 2 min",
        ", for 7 min",
        ", for 12 min",
        ", for 16 min, invocation 2",
        ", for 21 min, invocation 2",
        ", for 26 min, invocation 2",
    ];
    assert_eq!(told.collect::<Vec<_>>(), expected);
    let handed_over: Vec<_> =
        lines.iter().filter(|line| line["message"] == "handed over to another invocation").collect();
    let [handed_over] = handed_over[..] else { panic!("one hand-over: {lines:?}") };
    assert_eq!((&handed_over["invocation"], &handed_over["doing"]), (&json!(2), &json!(waits)));
    for line in &lines {
        let id = line["span"]["request_id"].as_str().or_else(|| line["request_id"].as_str());
        assert_eq!(id, Some("r-1"), "each line names the request: {line}");
        assert!(!line.to_string().contains("X-Amz-"), "{line}");
    }
    let summary = lines.last().expect("a summary");
    assert_eq!((&summary["message"], &summary["invocation"]), (&json!("request finished"), &json!(2)));
    assert!((1_490_000..1_600_000).contains(&summary["elapsed_ms"].as_u64().expect("a number")), "{summary}");
}

#[tokio::test(start_paused = true)]
async fn the_summary_counts_retries_and_delivery_attempts() {
    let world = World::new();
    world.fail("RegisterScalableTarget", "ThrottlingException", 2);
    world.trouble_delivering(Trouble::Status(503));
    let line = summary(&world, create()).await;
    assert_eq!((&line["retries"], &line["delivery_attempts"]), (&json!(2), &json!(2)));
    assert!(line["elapsed_ms"].as_u64().expect("a number") > 1_000, "{line}");

    world.trouble_delivering(Trouble::Status(403));
    let line = summary(&world, update()).await;
    assert_eq!((&line["outcome"], &line["delivered"]), (&json!("SUCCESS"), &json!(false)));
}

#[tokio::test(start_paused = true)]
async fn the_summary_of_a_gate_counts_snapshots_and_restores() {
    let world = with_larger_config();
    world.succeed(create()).await;
    let line = summary(&world, update_gate("MyEndPoint", "MyEndPoint", "larger")).await;
    assert_eq!((&line["decision"], &line[SNAPSHOTTED]), (&json!(SNAPSHOT_DECISION), &json!(1)), "{line}");
    let line = summary(&world, update_gate("MyEndPoint", "larger", "MyEndPoint")).await;
    assert_eq!((&line["decision"], &line[RESTORED]), (&json!(RESTORE_DECISION), &json!(1)), "{line}");
}

#[tokio::test(start_paused = true)]
async fn the_summary_has_embedded_metrics_at_every_log_level() {
    for level in [LevelFilter::ERROR, LevelFilter::INFO, LevelFilter::TRACE] {
        let world = World::new();
        let lines = logged(level, async || drop(world.answer(create()).await)).await;
        let [line] = &lines[..] else { panic!("{lines:?}") };
        assert_eq!(embedded(line), (vec!["function_name"], names(&[METRICS]).collect()));
    }
}

/// The dimensions and metrics that are embedded in a line.
fn embedded(line: &Value) -> (Vec<&str>, Vec<&str>) {
    let metadata = line["_aws"].as_object().expect("metadata at the root");
    assert!(metadata["Timestamp"].as_u64().is_some_and(|millis| millis > 1_700_000_000_000), "{metadata:?}");
    let [directive] = &metadata["CloudWatchMetrics"].as_array().expect("directives")[..] else { panic!("one") };
    assert_eq!(directive["Namespace"], NAMESPACE);
    let [dimensions] = &directive["Dimensions"].as_array().expect("sets")[..] else { panic!("one set") };
    // The names in a directive are fields at the root: dimensions as text, metrics as numbers.
    let dimensions: Vec<_> =
        dimensions.as_array().expect("a set").iter().map(|name| name.as_str().expect("text")).collect();
    assert!(dimensions.iter().all(|name| line[*name].is_string()), "{line}");
    let metrics = directive["Metrics"].as_array().expect("metrics");
    let metrics: Vec<_> = metrics.iter().map(|metric| metric["Name"].as_str().expect("a name")).collect();
    assert!(metrics.iter().all(|name| line[*name].is_number()), "{line}");
    (dimensions, metrics)
}

#[tokio::test(start_paused = true)]
async fn a_report_has_metrics_at_every_log_level_and_so_has_one_that_fails() {
    for level in [LevelFilter::ERROR, LevelFilter::INFO] {
        let world = World::new();
        world.succeed(create()).await;
        let failed = json!({ "StatusCode": "Failed", "StatusMessage": "insufficient capacity" });
        world.aws("LocalAws.RecordScalingActivity", merged(my_variant(), &failed));
        let order = async || drop(world.order(&json!({ "Report": {} }), Duration::from_secs(900)).await);
        let lines = logged(level, order).await;
        let [report, target] = &lines[..] else { panic!("{lines:?}") };
        assert_eq!(embedded(report), (vec!["function_name"], names(&[OF_REPORT]).collect()));
        // There is no such stack.
        assert_eq!((&report["orphans"], &report["failed_activities"]), (&json!(1), &json!(1)), "{report}");
        assert_eq!(report["report_failed"], 0);
        let dimensions = vec!["function_name", "resource_id", "cause"];
        assert_eq!(embedded(target), (dimensions, names(&[OF_FAILED_SCALING]).collect()));
        assert_eq!((&target["resource_id"], &target["cause"]), (&json!(MY_VARIANT), &json!("capacity")));

        assert_eq!(report["report_failed"], 0);

        world.fail("DescribeScalingActivities", "AccessDeniedException", 1);
        let lines = logged(level, order).await;
        let incomplete = lines.last().expect("a report");
        assert_eq!((&incomplete["message"], &incomplete["report_failed"]), (&json!("report finished"), &json!(1)));

        world.fail("DescribeScalableTargets", "AccessDeniedException", 1);
        let lines = logged(level, order).await;
        let [error, report] = &lines[..] else { panic!("{lines:?}") };
        assert!(error["error"].as_str().is_some_and(|error| error.contains("DescribeScalableTargets")), "{error}");
        assert_eq!(embedded(report), (vec!["function_name"], names(&[OF_FAILED_REPORT]).collect()));
        assert_eq!(report["report_failed"], 1);

        world.fail("DescribeScalingActivities", "AccessDeniedException", 1);
        let lines = logged(level, order).await;
        let report = lines.iter().find(|line| line["message"] == "report finished").expect("a report");
        assert_eq!((&report["report_failed"], &report["orphans"]), (&json!(1), &json!(1)), "it is not complete");
    }
}

#[tokio::test(start_paused = true)]
async fn every_log_line_names_the_resource() {
    let world = World::new();
    world.fail("DescribeEndpoint", "ThrottlingException", 1);
    world.trouble_delivering(Trouble::Status(503));
    let lines = logged(LevelFilter::WARN, async || drop(world.answer(create()).await)).await;
    let messages: Vec<_> = lines.iter().map(|line| line["message"].as_str().expect("a message")).collect();
    assert_eq!(messages, ["retrying", "retrying the answer", "request finished"]);
    for line in &lines[..2] {
        let span = &line["span"];
        assert_eq!((&span["stack_id"], &span["logical_resource_id"]), (&json!(STACK), &json!("Scaling")), "{line}");
        assert_eq!(span["request_id"], "r-1");
    }
}

/// The names of all fields; those in an object have its name as a prefix.
fn fields(line: &Value, prefix: &str, into: &mut BTreeSet<String>) {
    for (name, value) in line.as_object().into_iter().flatten() {
        let name = format!("{prefix}{name}");
        fields(value, &format!("{name}."), into);
        into.insert(name);
    }
}

/// The fields in a query: its words without strings, names that it defines itself, and keywords.
fn fields_of(query: &str) -> BTreeSet<String> {
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

/// Rolls the gate back when its snapshot is older than a day.
async fn restore_a_day_later(world: &World) {
    let tomorrow = SystemTime::now() + Duration::from_secs(25 * 60 * 60);
    let deadline = Deadline::from_now(tomorrow, tomorrow + Duration::from_secs(60));
    let rollback = update_gate("MyEndPoint", "larger", "MyEndPoint").0.to_string();
    handle(&rollback, FUNCTION_ARN, deadline, &world.services()).await.expect("an answer is accepted");
}

/// The metric of the stale-snapshots alarm counts the log events that its filter matches.
#[tokio::test(start_paused = true)]
async fn the_filter_of_the_stale_snapshots_metric_matches_what_is_logged() {
    let world = with_larger_config();
    world.succeed(create()).await;
    world.succeed(update_gate("MyEndPoint", "MyEndPoint", "larger")).await;
    let lines = logged(LevelFilter::INFO, async || restore_a_day_later(&world).await).await;

    let template = include_str!("../../template.yaml");
    let patterns: Vec<_> = template.split(r#"FilterPattern: '{ $.message = ""#).skip(1).collect();
    assert_eq!((patterns.len(), template.matches("FilterPattern:").count()), (1, 1), "one filter, on the message");
    let (message, _) = patterns[0].split_once(r#"" }'"#).expect("one condition");
    assert_eq!(lines.iter().filter(|line| line["message"] == message).count(), 1, "{message:?} in {lines:?}");
}

#[tokio::test(start_paused = true)]
async fn the_log_has_every_field_and_message_of_the_queries_and_metric_filters() {
    let world = with_larger_config();
    let lines = logged(LevelFilter::INFO, async || {
        world.fail("RegisterScalableTarget", "ThrottlingException", 1);
        world.succeed(create()).await;
        world.succeed(update_gate("MyEndPoint", "MyEndPoint", "larger")).await;
        restore_a_day_later(&world).await;
        world.fail("DescribeStackResource", "AccessDenied", 1);
        world.refuse(create().in_stack("another")).await;
        world.create_slow_endpoint(100);
        for name in [FUNCTION_ARN, "function-arn"] {
            let waiting = create().with("EndpointName", json!("slow")).0.to_string();
            world.invoke_once(name, &waiting, Duration::from_secs(60)).await.expect("it ends well");
        }
    })
    .await;
    let mut known = BTreeSet::new();
    lines.iter().for_each(|line| fields(line, "", &mut known));

    let docs = include_str!("../../docs/OBSERVABILITY.md");
    let documented = docs.split("```").skip(1).step_by(2).filter_map(|block| block.strip_prefix("text\n"));
    let widgets = dashboard();
    let of_dashboard = widgets.iter().filter_map(|widget| widget["properties"]["query"].as_str());
    let of_dashboard =
        of_dashboard.map(|query| query.strip_prefix("SOURCE '${LogGroup}' | ").expect("the function's log group"));
    let queries: Vec<_> = documented.chain(of_dashboard).collect();
    assert_eq!(queries.len(), 8);
    for query in &queries {
        let fields = fields_of(query);
        assert!(!fields.is_empty(), "{query}");
        assert!(fields.is_subset(&known), "{query} has {:?}", fields.difference(&known));
    }
    // A metric filter has one message, and its alarm never fires if no line has that message.
    let filters: Vec<_> = TEMPLATE.lines().filter(|line| line.trim_start().starts_with("FilterPattern: ")).collect();
    assert!(!filters.is_empty());
    for text in queries.iter().chain(&filters) {
        for message in text.split("message = \"").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(lines.iter().any(|line| line["message"] == message), "{message:?} is not in the log");
        }
    }
}

#[test]
fn the_dashboard_shows_every_metric() {
    let mut shown = BTreeSet::new();
    for widget in dashboard() {
        let mut namespace = Value::Null;
        for metric in widget["properties"]["metrics"].as_array().into_iter().flatten() {
            if metric[0] != "." {
                namespace = metric[0].clone();
            }
            if namespace == NAMESPACE {
                shown.insert(metric[1].as_str().expect("a name").to_owned());
            }
        }
    }
    assert_eq!(shown, names(&[METRICS, OF_REPORT]).map(str::to_owned).collect());
}

fn names(metrics: &[&'static [(&'static str, &'static str)]]) -> impl Iterator<Item = &'static str> {
    metrics.concat().into_iter().map(|(name, _)| name)
}

const TEMPLATE: &str = include_str!("../../template.yaml");

/// The widgets of the dashboard in `template.yaml`, whose body is JSON.
fn dashboard() -> Vec<Value> {
    let (_, body) = TEMPLATE.split_once("      DashboardBody: !Sub |\n").expect("a dashboard");
    let body: String = body.lines().take_while(|line| line.starts_with("        ")).collect();
    let mut body: Value = serde_json::from_str(&body).expect("JSON");
    let Value::Array(widgets) = body["widgets"].take() else { panic!("no widgets") };
    widgets
}

/// The metrics in the table of `docs/OBSERVABILITY.md`, which are the code in its first column.
#[test]
fn every_metric_is_documented() {
    let docs = include_str!("../../docs/OBSERVABILITY.md");
    let (_, table) = docs.split_once("\n| metric |").expect("a table of metrics");
    let rows = table.lines().skip(2).map_while(|line| line.strip_prefix("| ")?.split(" | ").next());
    let documented: BTreeSet<_> = rows.flat_map(|names| names.split('`').skip(1).step_by(2)).collect();
    assert_eq!(documented, names(&[METRICS]).collect());

    let (_, table) = docs.split_once("\n| metric of a report |").expect("a table of the metrics of a report");
    let rows = table.lines().skip(2).map_while(|line| line.strip_prefix("| ")?.split(" | ").next());
    let documented: BTreeSet<_> = rows.map(|name| name.trim_matches('`')).collect();
    assert_eq!(documented, names(&[OF_REPORT, OF_FAILED_SCALING]).collect());
    assert!(names(&[OF_FAILED_REPORT]).all(|name| documented.contains(name)));
    for name in names(&[OF_REPORT]) {
        assert!(TEMPLATE.contains(&format!("      MetricName: {name}\n")), "{name} has no alarm");
    }
}
