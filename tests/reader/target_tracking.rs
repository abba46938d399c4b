//! `TargetTrackingScalingPolicyConfiguration`.

use aws_sdk_applicationautoscaling::types::MetricType;
use sagemaker_scaling::model::{ScalableDimension, VariantDimension};
use serde_json::{Value, json};

use crate::complete;

const CUSTOMIZED: &str = "CustomizedMetricSpecification";
const METRICS: &str = "Metrics";
const PREDEFINED: &str = "PredefinedMetricSpecification";
const TRACKING: &str = "TargetTrackingScalingPolicyConfiguration";

/// The configuration of a policy of a dimension, or the mistakes with paths below `T`.
fn read_for(dimension: ScalableDimension, configuration: &Value) -> Result<Value, String> {
    let mut properties = complete();
    properties["ScalingPolicies"] =
        json!([{ "PolicyName": "p", "PolicyType": "TargetTrackingScaling", TRACKING: configuration }]);
    if dimension == ScalableDimension::CopyCount {
        properties
            .as_object_mut()
            .expect("an object")
            .retain(|name, _| name != "EndpointName" && name != "VariantName");
        properties["InferenceComponentName"] = json!("llm");
    }
    properties["ScalableDimension"] = json!(dimension.as_str());
    match crate::read(&properties) {
        Ok(desired) => Ok(desired.spec.attachments[0].body[TRACKING].clone()),
        Err(mistakes) => Err(mistakes.replace(&format!("ScalingPolicies[0].{TRACKING}"), "T")),
    }
}

fn read(configuration: Value) -> Result<Value, String> {
    read_for(ScalableDimension::Variant(VariantDimension::InstanceCount), &configuration)
}

fn predefined(metric: &str) -> Value {
    json!({ "TargetValue": "70", PREDEFINED: { "PredefinedMetricType": metric } })
}

#[test]
fn each_predefined_metric_of_sagemaker_fits_exactly_one_dimension() {
    let metrics: Vec<_> = MetricType::values().iter().filter(|metric| metric.starts_with("SageMaker")).collect();
    assert_eq!(metrics.len(), 5);
    for metric in metrics {
        let fits = |dimension| read_for(dimension, &predefined(metric)).is_ok();
        assert_eq!(ScalableDimension::all().filter(|dimension| fits(*dimension)).count(), 1, "{metric}");
    }
}

#[test]
fn a_metric_that_does_not_fit_is_refused_with_those_that_do() {
    let concurrency = ScalableDimension::Variant(VariantDimension::ProvisionedConcurrency);
    assert_eq!(
        read_for(concurrency, &predefined("SageMakerVariantInvocationsPerInstance")).unwrap_err(),
        "T.PredefinedMetricSpecification.PredefinedMetricType: expected one of \
         SageMakerVariantProvisionedConcurrencyUtilization, which fit \
         sagemaker:variant:DesiredProvisionedConcurrency, found \"SageMakerVariantInvocationsPerInstance\""
    );
    let told = read(predefined("ECSServiceAverageCPUUtilization")).unwrap_err();
    assert!(told.contains("expected one of SageMakerVariant"), "{told}");
}

#[test]
fn numbers_and_booleans_arrive_as_text_and_text_stays_text() {
    let configuration = json!({
        "TargetValue": "0.5",
        "DisableScaleIn": "true",
        "ScaleInCooldown": "600",
        "ScaleOutCooldown": "0",
        CUSTOMIZED: {
            "MetricName": "CPUUtilization",
            "Namespace": "/aws/sagemaker/Endpoints",
            "Dimensions": [{ "Name": "Shard", "Value": "5" }],
            "Statistic": "Average",
            "Unit": "Percent",
        },
    });
    let mut expected = configuration.clone();
    for (member, value) in [
        ("TargetValue", json!(0.5)),
        ("DisableScaleIn", json!(true)),
        ("ScaleInCooldown", json!(600)),
        ("ScaleOutCooldown", json!(0)),
    ] {
        expected[member] = value;
    }
    assert_eq!(read(configuration), Ok(expected));
}

#[test]
fn a_policy_tracks_exactly_one_metric() {
    let mut both = predefined("SageMakerVariantInvocationsPerInstance");
    both[CUSTOMIZED] = json!({ METRICS: [{ "Id": "m", "Expression": "1" }] });
    assert_eq!(
        read(both).unwrap_err(),
        format!("T.{CUSTOMIZED}: cannot be set together with {PREDEFINED}; remove one of the two")
    );
    let told = read(json!({ "TargetValue": "1" })).unwrap_err();
    assert_eq!(told, format!("T.{PREDEFINED}: required if {CUSTOMIZED} is missing; set one of the two"));
    let mixed = json!({ METRICS: [{ "Id": "m", "Expression": "1" }], "Statistic": "Sum" });
    let told = read(json!({ "TargetValue": "1", CUSTOMIZED: mixed })).unwrap_err();
    assert_eq!(told, format!("T.{CUSTOMIZED}.Statistic: cannot be set together with Metrics; remove one of the two"));
}

#[test]
fn mistakes_at_every_depth_are_told_at_once() {
    let told = read(json!({
        "TargetValue": "many",
        "ScaleInCooldown": "-1",
        "DisableScaleOut": "true",
        CUSTOMIZED: { METRICS: [
            { "Id": "m", "ReturnData": "yes", "MetricStat": { "Metric": { "Dimensions": [{ "Name": "n" }] } } },
            { "Expression": "m", "MetricStat": {} },
            { "Id": "e" },
        ] },
    }))
    .unwrap_err();
    for mistake in [
        "T.TargetValue: expected a number, found \"many\"",
        "T.ScaleInCooldown: expected a whole number from 0",
        "T.DisableScaleOut: unknown property, found \"true\"; did you mean DisableScaleIn?",
        "Metrics[0].ReturnData: expected true or false",
        "Metrics[0].MetricStat.Stat: required",
        "Metrics[0].MetricStat.Metric.Dimensions[0].Value: required",
        "Metrics[1].Id: required",
        "Metrics[1].MetricStat: cannot be set together with Expression; remove one of the two",
        "Metrics[1].MetricStat.Metric: required",
        "Metrics[2].Expression: required if MetricStat is missing",
    ] {
        assert!(told.contains(mistake), "{mistake} is not in: {told}");
    }
    let single = read(json!({ "TargetValue": "1", CUSTOMIZED: { "Statistic": "Median" } })).unwrap_err();
    for mistake in ["MetricName: required", "Namespace: required", "Statistic: expected one of Average, "] {
        assert!(single.contains(mistake), "{mistake} is not in: {single}");
    }
}

/// A configuration in which every text with a bound has this length; ids get a letter and underscores.
fn with_lengths(length: impl Fn(usize) -> usize) -> [Value; 3] {
    let text = |most| json!("x".repeat(length(most)));
    let dimensions = json!([{ "Name": text(255), "Value": text(1024) }]);
    let metric = json!({ "MetricName": text(255), "Namespace": text(255), "Dimensions": dimensions });
    let mut single = metric.clone();
    single["Statistic"] = json!("Sum");
    single["Unit"] = text(1023);
    let mut labelled = predefined("SageMakerVariantInvocationsPerInstance");
    labelled[PREDEFINED]["ResourceLabel"] = text(1023);
    let queries = json!([
        { "Id": text(255), "MetricStat": { "Metric": metric, "Stat": "Sum", "Unit": text(1023) }, "ReturnData": "false" },
        { "Id": "e", "Expression": text(2048) },
    ]);
    [
        labelled,
        json!({ "TargetValue": "1", CUSTOMIZED: single }),
        json!({ "TargetValue": "1", CUSTOMIZED: { METRICS: queries } }),
    ]
}

#[test]
fn texts_have_the_lengths_of_the_api() {
    for configuration in with_lengths(|most| most).into_iter().chain(with_lengths(|_| 1)) {
        assert_eq!(read(configuration.clone()).map(drop), Ok(()), "{configuration}");
    }
    let id = "Id: expected 1 to 255 letters, digits and underscores, beginning with a lower-case letter, found";
    for wrong in [with_lengths(|most| most + 1), with_lengths(|_| 0)] {
        let told = wrong.map(|configuration| read(configuration).unwrap_err());
        let expected: [&[(&str, usize)]; 3] = [
            &[("ResourceLabel", 1023)],
            &[
                ("MetricName", 255),
                ("Namespace", 255),
                ("Dimensions[0].Name", 255),
                ("Dimensions[0].Value", 1024),
                ("Unit", 1023),
            ],
            &[
                ("Metrics[0].MetricStat.Unit", 1023),
                ("Metrics[0].MetricStat.Metric.MetricName", 255),
                ("Metrics[0].MetricStat.Metric.Namespace", 255),
                ("Metrics[0].MetricStat.Metric.Dimensions[0].Name", 255),
                ("Metrics[0].MetricStat.Metric.Dimensions[0].Value", 1024),
                ("Metrics[1].Expression", 2048),
            ],
        ];
        for (told, mistakes) in told.iter().zip(expected) {
            for (member, most) in mistakes {
                let mistake = format!(".{member}: expected 1 to {most} characters, found");
                assert!(told.contains(&mistake), "{mistake} is not in: {told}");
            }
        }
        assert!(told[2].contains(&format!("Metrics[0].{id}")), "{}", told[2]);
    }
}

#[test]
fn the_ids_of_queries_are_unique_and_may_be_variables_of_an_expression() {
    let queries = |ids: [&str; 2]| {
        let queries = ids.map(|id| json!({ "Id": id, "Expression": "1" }));
        read(json!({ "TargetValue": "1", CUSTOMIZED: { METRICS: queries } }))
    };
    assert!(queries(["m_1", "mM"]).is_ok());
    assert_eq!(queries(["m", "m"]).unwrap_err(), format!("T.{CUSTOMIZED}.Metrics[1].Id: the name m appears twice"));
    for wrong in ["M", "1m", "_m", "m-n", "m n", "é"] {
        assert!(queries(["m", wrong]).unwrap_err().contains("Metrics[1].Id: expected 1 to 255 letters"), "{wrong}");
    }
}
