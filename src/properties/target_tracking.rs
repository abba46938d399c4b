//! `TargetTrackingScalingPolicyConfiguration`: a predefined metric, a customized metric, or metric math.
//!
//! <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_TargetTrackingScalingPolicyConfiguration.html>

use aws_sdk_applicationautoscaling::types::{MetricStatistic, MetricType};

use super::reader::{Section, boolean, number, one_of, text, whole_number};
use crate::model::ScalableDimension;
use crate::model::json::Object;

pub(super) fn target_tracking(section: &Section<'_>, dimension: Option<ScalableDimension>) -> Object {
    let configuration = section
        .body()
        .required("TargetValue", number)
        .optional("DisableScaleIn", boolean)
        .optional("ScaleInCooldown", whole_number(0))
        .optional("ScaleOutCooldown", whole_number(0))
        .object(PREDEFINED, |section| predefined_metric(section, dimension))
        .object(CUSTOMIZED, customized_metric)
        .finish();
    section.exactly_one(PREDEFINED, CUSTOMIZED);
    configuration
}

fn predefined_metric(section: &Section<'_>, dimension: Option<ScalableDimension>) -> Object {
    let metrics = metrics_for(dimension);
    let metric = |value| {
        one_of(&metrics)(value).map_err(|expected| match dimension {
            Some(dimension) => format!("{expected}, which fit {}", dimension.as_str()),
            None => expected,
        })
    };
    section.body().required("PredefinedMetricType", metric).optional("ResourceLabel", text).finish()
}

/// The predefined metrics that fit a dimension. All of SageMaker's metrics if the dimension is unknown.
fn metrics_for(dimension: Option<ScalableDimension>) -> Vec<&'static str> {
    let fits = |metric: &&str| {
        let of = if metric.starts_with("SageMakerInferenceComponent") {
            ScalableDimension::InferenceComponentDesiredCopyCount
        } else if *metric == MetricType::SageMakerVariantProvisionedConcurrencyUtilization.as_str() {
            ScalableDimension::VariantDesiredProvisionedConcurrency
        } else {
            ScalableDimension::VariantDesiredInstanceCount
        };
        dimension.is_none_or(|dimension| dimension == of)
    };
    MetricType::values().iter().copied().filter(|metric| metric.starts_with("SageMaker")).filter(fits).collect()
}

fn customized_metric(section: &Section<'_>) -> Object {
    if section.value(METRICS).is_some() {
        for name in ["Dimensions", "MetricName", "Namespace", "Statistic", "Unit"] {
            if section.value(name).is_some() {
                section.note(name, format_args!("not together with {METRICS}"));
            }
        }
        return section.body().list(METRICS, "metric data queries", usize::MAX, metric_data_query).finish();
    }
    section
        .body()
        .required("MetricName", text)
        .required("Namespace", text)
        .list("Dimensions", "Name and Value", MAX_DIMENSIONS, metric_dimension)
        .required("Statistic", one_of(MetricStatistic::values()))
        .optional("Unit", text)
        .finish()
}

/// <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_TargetTrackingMetricDataQuery.html>
fn metric_data_query(section: &Section<'_>) -> Object {
    let query = section
        .body()
        .required("Id", text)
        .optional("Expression", text)
        .optional("Label", text)
        .object("MetricStat", metric_stat)
        .optional("ReturnData", boolean)
        .finish();
    section.exactly_one("Expression", "MetricStat");
    query
}

fn metric_stat(section: &Section<'_>) -> Object {
    section.body().required_object("Metric", metric).required("Stat", text).optional("Unit", text).finish()
}

fn metric(section: &Section<'_>) -> Object {
    section
        .body()
        .list("Dimensions", "Name and Value", MAX_DIMENSIONS, metric_dimension)
        .optional("MetricName", text)
        .optional("Namespace", text)
        .finish()
}

fn metric_dimension(section: &Section<'_>) -> Object {
    section.body().required("Name", text).required("Value", text).finish()
}

const CUSTOMIZED: &str = "CustomizedMetricSpecification";
const METRICS: &str = "Metrics";
const PREDEFINED: &str = "PredefinedMetricSpecification";
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_Metric.html>
const MAX_DIMENSIONS: usize = 30;

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::properties::reader::Collector;

    fn read_for(dimension: Option<ScalableDimension>, configuration: &Value) -> Result<Object, String> {
        let properties = json!({ "T": configuration });
        let tracking = |section: &Section<'_>| Some(target_tracking(section, dimension));
        let read = Collector::default().read(&properties, |section| section.section("T", tracking));
        read.map_err(|mistakes| mistakes.to_string())
    }

    fn read(configuration: Value) -> Result<Object, String> {
        read_for(Some(ScalableDimension::VariantDesiredInstanceCount), &configuration)
    }

    fn predefined(metric: &str) -> Value {
        json!({ "TargetValue": "70", PREDEFINED: { "PredefinedMetricType": metric } })
    }

    #[test]
    fn each_predefined_metric_of_sagemaker_fits_exactly_one_dimension() {
        let metrics: Vec<_> = metrics_for(None);
        assert_eq!(metrics.len(), 5);
        for metric in metrics {
            let fits = |dimension| read_for(Some(dimension), &predefined(metric)).is_ok();
            assert_eq!(ScalableDimension::ALL.into_iter().filter(|dimension| fits(*dimension)).count(), 1, "{metric}");
            assert!(read_for(None, &predefined(metric)).is_ok());
        }
    }

    #[test]
    fn a_metric_that_does_not_fit_is_refused_with_those_that_do() {
        let concurrency = ScalableDimension::VariantDesiredProvisionedConcurrency;
        assert_eq!(
            read_for(Some(concurrency), &predefined("SageMakerVariantInvocationsPerInstance")).unwrap_err(),
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
        assert_eq!(read(configuration).map(Value::Object), Ok(expected));
    }

    #[test]
    fn a_policy_tracks_exactly_one_metric() {
        let mut both = predefined("SageMakerVariantInvocationsPerInstance");
        both[CUSTOMIZED] = json!({ METRICS: [{ "Id": "m", "Expression": "1" }] });
        assert_eq!(read(both).unwrap_err(), format!("T.{CUSTOMIZED}: not together with {PREDEFINED}"));
        let told = read(json!({ "TargetValue": "1" })).unwrap_err();
        assert_eq!(told, format!("T.{PREDEFINED}: required, or {CUSTOMIZED}, but both are missing"));
        let mixed = json!({ METRICS: [{ "Id": "m", "Expression": "1" }], "Statistic": "Sum" });
        let told = read(json!({ "TargetValue": "1", CUSTOMIZED: mixed })).unwrap_err();
        assert_eq!(told, format!("T.{CUSTOMIZED}.Statistic: not together with Metrics"));
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
            "Metrics[1].MetricStat: not together with Expression",
            "Metrics[1].MetricStat.Metric: required",
            "Metrics[2].Expression: required, or MetricStat",
        ] {
            assert!(told.contains(mistake), "{mistake} is not in: {told}");
        }
        let single = read(json!({ "TargetValue": "1", CUSTOMIZED: { "Statistic": "Median" } })).unwrap_err();
        for mistake in ["MetricName: required", "Namespace: required", "Statistic: expected one of Average, "] {
            assert!(single.contains(mistake), "{mistake} is not in: {single}");
        }
    }
}
