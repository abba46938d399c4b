//! From template text to API call: policies and actions in the API's shapes reach the API unchanged.
//!
//! A policy is made of the SDK's types. The body that the SDK sends for it is turned into what CloudFormation makes of
//! the same template, with every number and boolean as text. The body that the function then sends has to
//! be the same.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use autoscaling::primitives::DateTime;
use autoscaling::types::{
    AdjustmentType, CustomizedMetricSpecification, MetricAggregationType, MetricDimension, MetricStatistic, MetricType,
    PolicyType, PredefinedMetricSpecification, ScalableDimension, ScalableTargetAction, ServiceNamespace,
    StepAdjustment, StepScalingPolicyConfiguration, TargetTrackingMetric, TargetTrackingMetricDataQuery,
    TargetTrackingMetricDimension, TargetTrackingMetricStat, TargetTrackingScalingPolicyConfiguration,
};
use aws_sdk_applicationautoscaling as autoscaling;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use proptest::prelude::*;
use serde_json::{Value, json};
use test_support::function::{Deadline, Desired, Location, handle, services};

use crate::checks::as_text;
use crate::shapes::{actions, steps, trackings};
use crate::support::for_any;

/// Replies to every call with success, and keeps the bodies of puts.
#[derive(Clone, Debug, Default)]
struct Services(Arc<Mutex<Vec<Value>>>);

impl Services {
    fn connector(&self) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }

    fn taken(&self) -> Vec<Value> {
        std::mem::take(&mut self.0.lock().expect("not poisoned"))
    }
}

impl HttpConnector for Services {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default();
        let body = request.body().bytes().expect("a body in memory");
        let body: Value = serde_json::from_slice(body).expect("JSON");
        if operation.starts_with("Put") || body["Status"] == "FAILED" {
            self.0.lock().expect("not poisoned").push(body);
        }
        let reply = match operation {
            "DescribeEndpoint" => json!({
                "EndpointStatus": "InService", "AsyncInferenceConfig": {},
                "ProductionVariants": [{ "VariantName": "v" }],
            }),
            "DescribeInferenceComponent" => json!({ "InferenceComponentStatus": "InService" }),
            "RegisterScalableTarget" => json!({ "ScalableTargetARN": "arn" }),
            "PutScalingPolicy" => json!({ "PolicyARN": "arn", "Alarms": [] }),
            _ => json!({}),
        };
        let response = HttpResponse::new(200.try_into().expect("a status"), SdkBody::from(reply.to_string()));
        HttpConnectorFuture::ready(Ok(response))
    }
}

/// A policy or an action, in the SDK's types.
#[derive(Clone, Debug)]
pub(crate) enum Attached {
    Action(Action),
    Step(StepScalingPolicyConfiguration),
    Tracking(TargetTrackingScalingPolicyConfiguration, ScalableDimension),
}

#[derive(Clone, Debug)]
pub(crate) struct Action {
    pub(crate) schedule: &'static str,
    pub(crate) timezone: String,
    pub(crate) start_time: Option<i64>,
    pub(crate) end_time: Option<i64>,
    pub(crate) limits: ScalableTargetAction,
}

impl Attached {
    fn dimension(&self) -> ScalableDimension {
        match self {
            Self::Tracking(_, dimension) => dimension.clone(),
            Self::Action(_) | Self::Step(_) => ScalableDimension::SageMakerVariantDesiredInstanceCount,
        }
    }

    fn resource_id(&self) -> &'static str {
        match self.dimension() {
            ScalableDimension::SageMakerInferenceComponentDesiredCopyCount => "inference-component/c",
            _ => "endpoint/e/variant/v",
        }
    }

    /// The body that the SDK sends for it.
    async fn put(&self, name: &str) -> Value {
        let received = Services::default();
        let http = received.connector();
        let config = autoscaling::Config::builder()
            .behavior_version_latest()
            .region(autoscaling::config::Region::from_static("us-east-1"))
            .credentials_provider(autoscaling::config::Credentials::for_tests())
            .http_client(http_client_fn(move |_, _| http.clone()))
            .build();
        let client = autoscaling::Client::from_conf(config);
        let policy = |policy_type| {
            client
                .put_scaling_policy()
                .service_namespace(ServiceNamespace::Sagemaker)
                .resource_id(self.resource_id())
                .scalable_dimension(self.dimension())
                .policy_name(name)
                .policy_type(policy_type)
        };
        match self {
            Self::Action(action) => {
                let request = client
                    .put_scheduled_action()
                    .service_namespace(ServiceNamespace::Sagemaker)
                    .resource_id(self.resource_id())
                    .scalable_dimension(self.dimension())
                    .scheduled_action_name(name)
                    .schedule(action.schedule)
                    .timezone(&action.timezone)
                    .set_start_time(action.start_time.map(DateTime::from_secs))
                    .set_end_time(action.end_time.map(DateTime::from_secs))
                    .scalable_target_action(action.limits.clone());
                drop(request.send().await.expect("the call succeeds"));
            }
            Self::Step(step) => {
                let request = policy(PolicyType::StepScaling).step_scaling_policy_configuration(step.clone());
                drop(request.send().await.expect("the call succeeds"));
            }
            Self::Tracking(tracking, _) => {
                let request = policy(PolicyType::TargetTrackingScaling)
                    .target_tracking_scaling_policy_configuration(tracking.clone());
                drop(request.send().await.expect("the call succeeds"));
            }
        }
        received.taken().remove(0)
    }

    /// The body that the function sends for the same in a template.
    async fn put_by_the_function(&self, mut put: Value) -> Value {
        let fields = put.as_object_mut().expect("an object");
        fields.retain(|name, _| !["ServiceNamespace", "ResourceId", "ScalableDimension"].contains(&name.as_str()));
        let unchanged = fields.clone();
        // Times are seconds in the API, and text in a template.
        for time in ["StartTime", "EndTime"] {
            if let Some(seconds) = fields.get(time).and_then(Value::as_i64) {
                let words = DateTime::from_secs(seconds).fmt(autoscaling::primitives::DateTimeFormat::DateTime);
                fields.insert(time.to_owned(), words.expect("a time").into());
            }
        }
        let list = if matches!(self, Self::Action(_)) { "ScheduledActions" } else { "ScalingPolicies" };
        let mut properties = json!({ "MinCapacity": "0", "MaxCapacity": "9", list: [as_text(&put)] });
        if self.resource_id() == "inference-component/c" {
            properties["InferenceComponentName"] = json!("c");
        } else {
            properties["EndpointName"] = json!("e");
            properties["VariantName"] = json!("v");
        }
        properties["ScalableDimension"] = json!(self.dimension().as_str());
        // The snapshot has the same.
        let location = Location { region: "us-east-1".to_owned(), account: None };
        let desired = Desired::read(&properties, &location).expect("the properties are valid");
        let snapshot = desired.spec.attachments[0].body.clone();
        assert_eq!(snapshot, unchanged);
        let request = json!({
            "RequestType": "Create",
            "ResponseURL": "https://bucket.s3.amazonaws.com/path%7C1?X-Amz-Signature=0123456789abcdef",
            "StackId": "arn:aws:cloudformation:us-east-1:111122223333:stack/demo/1",
            "RequestId": "r-1",
            "LogicalResourceId": "Scaling",
            "ResourceType": "Custom::SageMakerScalableTarget",
            "ResourceProperties": properties,
        });
        let received = Services::default();
        let deadline = Deadline::from_now(SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH + Duration::from_secs(60));
        let handled = handle(&request.to_string(), "", deadline, &services(received.connector(), None)).await;
        handled.expect("an answer is accepted");
        received.taken().remove(0)
    }

    /// Checks that both bodies are the same, and returns it.
    fn survives(&self) -> Value {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.expect("a runtime").block_on(async {
            let put = self.put("a name").await;
            assert_eq!(self.put_by_the_function(put.clone()).await, put);
            put
        })
    }
}

#[test]
fn any_policy_or_action_reaches_the_api_unchanged() {
    for_any(prop_oneof![steps().prop_map(Attached::Step), trackings(), actions()], |attached| {
        attached.survives();
    });
}

/// Fails when a new version of the SDK has a member that this function does not know.
#[test]
fn every_member_of_the_sdks_shapes_reaches_the_api() {
    let text = || "x".to_owned();
    let dimension = MetricDimension::builder().name("n").value("v").build().unwrap();
    let own = CustomizedMetricSpecification::builder()
        .metric_name("m")
        .namespace("n")
        .dimensions(dimension)
        .statistic(MetricStatistic::Sum)
        .unit("Count")
        .build();
    let metric_dimension = TargetTrackingMetricDimension::builder().name("n").value("v").build().unwrap();
    let metric = TargetTrackingMetric::builder().dimensions(metric_dimension).metric_name("m").namespace("n").build();
    let stat = TargetTrackingMetricStat::builder().metric(metric).stat("Sum").unit("Count").build().unwrap();
    let query = |id: &str| TargetTrackingMetricDataQuery::builder().id(id).label(text()).return_data(true);
    let math = CustomizedMetricSpecification::builder()
        .metrics(query("m").metric_stat(stat).build().unwrap())
        .metrics(query("e").expression("m / 2").build().unwrap())
        .build();
    let predefined = PredefinedMetricSpecification::builder()
        .predefined_metric_type(MetricType::SageMakerVariantInvocationsPerInstance)
        .resource_label(text())
        .build()
        .unwrap();
    let tracking = || {
        let builder = TargetTrackingScalingPolicyConfiguration::builder().target_value(1.5);
        builder.scale_in_cooldown(1).scale_out_cooldown(2).disable_scale_in(true)
    };
    let trackings = [
        tracking().predefined_metric_specification(predefined),
        tracking().customized_metric_specification(own),
        tracking().customized_metric_specification(math),
    ];
    let bounded = |lower, upper| {
        let builder = StepAdjustment::builder().scaling_adjustment(1);
        builder.set_metric_interval_lower_bound(lower).set_metric_interval_upper_bound(upper).build().unwrap()
    };
    let step = StepScalingPolicyConfiguration::builder()
        .adjustment_type(AdjustmentType::PercentChangeInCapacity)
        .metric_aggregation_type(MetricAggregationType::Maximum)
        .cooldown(1)
        .min_adjustment_magnitude(2)
        .step_adjustments(bounded(Some(0.0), Some(1.5)))
        .step_adjustments(bounded(Some(1.5), None))
        .build();
    let limits = ScalableTargetAction::builder().min_capacity(1).max_capacity(2).build();
    let shapes = format!("{trackings:?} {step:?} {limits:?}");

    let instances = ScalableDimension::SageMakerVariantDesiredInstanceCount;
    let mut attached: Vec<_> = trackings
        .map(|tracking| Attached::Tracking(tracking.build().unwrap(), instances.clone()))
        .into_iter()
        .chain([Attached::Step(step)])
        .collect();
    let (schedule, timezone) = ("rate(1 day)", "UTC".to_owned());
    let action = Action { schedule, timezone, start_time: Some(1), end_time: Some(2), limits };
    attached.push(Attached::Action(action));
    let mut arrived = BTreeSet::new();
    for attached in attached {
        members(&attached.survives(), &mut arrived);
    }
    for member in named_in(&shapes) {
        assert!(arrived.contains(&member), "{member} does not reach the API");
    }
    // The other members of the operations. Predictive scaling is not for SageMaker.
    let operations = format!(
        "{:?} {:?}",
        autoscaling::operation::put_scaling_policy::PutScalingPolicyInput::builder(),
        autoscaling::operation::put_scheduled_action::PutScheduledActionInput::builder(),
    );
    for member in named_in(&operations).into_iter().filter(|member| !member.starts_with("PredictiveScaling")) {
        assert!(arrived.contains(&member), "{member} does not reach the API");
    }
}

/// The names of all members, at every depth.
fn members(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| members(value, names)),
        Value::Object(fields) => {
            for (name, value) in fields {
                names.insert(name.clone());
                members(value, names);
            }
        }
        _ => {}
    }
}

/// The fields in the debug output of the SDK's types, by their names in the API.
fn named_in(debug: &str) -> BTreeSet<String> {
    let names = debug.split([' ', '{', '(', '[']).filter_map(|word| word.strip_suffix(':'));
    let names: BTreeSet<String> = names.map(pascal_case).collect();
    assert!(names.len() > 9, "{debug}");
    names
}

fn pascal_case(snake_case: &str) -> String {
    let capital = |word: &str| word[..1].to_ascii_uppercase() + &word[1..];
    snake_case.split('_').filter(|word| !word.is_empty()).map(capital).collect()
}
