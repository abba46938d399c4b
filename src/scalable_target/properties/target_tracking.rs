//! `TargetTrackingScalingPolicyConfiguration`: a predefined metric, a metric of one's own, or one that is computed.
//!
//! <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_TargetTrackingScalingPolicyConfiguration.html>

use autoscaling::types::{
    CustomizedMetricSpecification, MetricDimension, MetricStatistic, MetricType, PredefinedMetricSpecification,
    TargetTrackingMetric, TargetTrackingMetricDataQuery, TargetTrackingMetricDimension, TargetTrackingMetricStat,
    TargetTrackingScalingPolicyConfiguration,
};
use aws_sdk_applicationautoscaling as autoscaling;

use crate::id::ScalableDimension;
use crate::reader::{Section, boolean, number, one_of, text, whole_number};

pub(super) fn target_tracking(
    section: &Section<'_>,
    dimension: Option<ScalableDimension>,
) -> Option<TargetTrackingScalingPolicyConfiguration> {
    section.allow_only(
        &[CUSTOMIZED, "DisableScaleIn", PREDEFINED, "ScaleInCooldown", "ScaleOutCooldown", "TargetValue"],
        &[],
    );
    let value = section.required("TargetValue", number);
    let disable_scale_in = section.optional("DisableScaleIn", boolean);
    let [scale_in, scale_out] =
        ["ScaleInCooldown", "ScaleOutCooldown"].map(|cooldown| section.optional(cooldown, whole_number(0)));
    let predefined = section.section(PREDEFINED).map(|section| predefined_metric(&section, dimension));
    let customized = section.section(CUSTOMIZED).map(|section| customized_metric(&section));
    match (section.value(PREDEFINED), section.value(CUSTOMIZED)) {
        (Some(_), Some(_)) => section.note(CUSTOMIZED, format_args!("not together with {PREDEFINED}")),
        (None, None) => section.note(PREDEFINED, format_args!("required, or {CUSTOMIZED}, but both are missing")),
        _ => {}
    }
    TargetTrackingScalingPolicyConfiguration::builder()
        .target_value(value?)
        .set_disable_scale_in(disable_scale_in.ok()?)
        .set_scale_in_cooldown(scale_in.ok()?)
        .set_scale_out_cooldown(scale_out.ok()?)
        .set_predefined_metric_specification(predefined.flatten())
        .set_customized_metric_specification(customized)
        .build()
        .ok()
}

fn predefined_metric(
    section: &Section<'_>,
    dimension: Option<ScalableDimension>,
) -> Option<PredefinedMetricSpecification> {
    section.allow_only(&["PredefinedMetricType", "ResourceLabel"], &[]);
    let fitting = metrics_for(dimension);
    let metric = section.required("PredefinedMetricType", |value| {
        one_of::<MetricType>(&fitting)(value).map_err(|expected| match dimension {
            Some(dimension) => format!("{expected}, which fit {}", dimension.as_str()),
            None => expected,
        })
    });
    let label = section.optional("ResourceLabel", text);
    let label = label.ok()?.map(str::to_owned);
    PredefinedMetricSpecification::builder().predefined_metric_type(metric?).set_resource_label(label).build().ok()
}

/// The predefined metrics that fit a dimension, or all of SageMaker's.
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

fn customized_metric(section: &Section<'_>) -> CustomizedMetricSpecification {
    section.allow_only(&[METRICS, "Dimensions", "MetricName", "Namespace", "Statistic", "Unit"], &[]);
    let builder = CustomizedMetricSpecification::builder();
    if section.value(METRICS).is_some() {
        for name in ["Dimensions", "MetricName", "Namespace", "Statistic", "Unit"] {
            if section.value(name).is_some() {
                section.note(name, format_args!("not together with {METRICS}"));
            }
        }
        let queries = section.sections(METRICS, "metric data queries", usize::MAX);
        return builder.set_metrics(Some(queries.filter_map(|query| metric_data_query(&query)).collect())).build();
    }
    let statistic = section.required("Statistic", one_of::<MetricStatistic>(MetricStatistic::values()));
    let dimensions = dimensions(section).map(|dimensions| {
        let dimension = |(name, value): (&str, &str)| MetricDimension::builder().name(name).value(value).build().ok();
        dimensions.into_iter().filter_map(dimension).collect()
    });
    builder
        .set_metric_name(section.required("MetricName", text).map(str::to_owned))
        .set_namespace(section.required("Namespace", text).map(str::to_owned))
        .set_dimensions(dimensions)
        .set_statistic(statistic)
        .set_unit(optional_text(section, "Unit"))
        .build()
}

/// <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_TargetTrackingMetricDataQuery.html>
fn metric_data_query(section: &Section<'_>) -> Option<TargetTrackingMetricDataQuery> {
    section.allow_only(&["Expression", "Id", "Label", "MetricStat", "ReturnData"], &[]);
    let id = section.required("Id", text);
    let return_data = section.optional("ReturnData", boolean);
    let expression = optional_text(section, "Expression");
    let stat = section.section("MetricStat").and_then(|section| metric_stat(&section));
    match (section.value("Expression"), section.value("MetricStat")) {
        (Some(_), Some(_)) => section.note("Expression", "not together with MetricStat"),
        (None, None) => section.note("Expression", "required, or MetricStat, but both are missing"),
        _ => {}
    }
    TargetTrackingMetricDataQuery::builder()
        .id(id?)
        .set_expression(expression)
        .set_label(optional_text(section, "Label"))
        .set_metric_stat(stat)
        .set_return_data(return_data.ok()?)
        .build()
        .ok()
}

fn metric_stat(section: &Section<'_>) -> Option<TargetTrackingMetricStat> {
    section.allow_only(&["Metric", "Stat", "Unit"], &[]);
    let stat = section.required("Stat", text);
    if section.value("Metric").is_none() {
        section.note("Metric", "required, but missing");
    }
    TargetTrackingMetricStat::builder()
        .set_metric(section.section("Metric").map(|section| metric(&section)))
        .set_unit(optional_text(section, "Unit"))
        .stat(stat?)
        .build()
        .ok()
}

fn metric(section: &Section<'_>) -> TargetTrackingMetric {
    section.allow_only(&["Dimensions", "MetricName", "Namespace"], &[]);
    let dimensions = dimensions(section).map(|dimensions| {
        let dimension =
            |(name, value): (&str, &str)| TargetTrackingMetricDimension::builder().name(name).value(value).build().ok();
        dimensions.into_iter().filter_map(dimension).collect()
    });
    TargetTrackingMetric::builder()
        .set_dimensions(dimensions)
        .set_metric_name(optional_text(section, "MetricName"))
        .set_namespace(optional_text(section, "Namespace"))
        .build()
}

/// The names and values of a metric's dimensions.
fn dimensions<'a>(section: &Section<'a>) -> Option<Vec<(&'a str, &'a str)>> {
    section.value("Dimensions")?;
    let read = |dimension: Section<'a>| {
        dimension.allow_only(&["Name", "Value"], &[]);
        let (name, value) = (dimension.required("Name", text), dimension.required("Value", text));
        name.zip(value)
    };
    Some(section.sections("Dimensions", "Name and Value", MAX_DIMENSIONS).filter_map(read).collect())
}

fn optional_text(section: &Section<'_>, name: &str) -> Option<String> {
    section.optional(name, text).ok().flatten().map(str::to_owned)
}

const CUSTOMIZED: &str = "CustomizedMetricSpecification";
const METRICS: &str = "Metrics";
const PREDEFINED: &str = "PredefinedMetricSpecification";
/// Of a metric: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_Metric.html>
const MAX_DIMENSIONS: usize = 30;

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::reader::Collector;

    fn read_for(
        dimension: Option<ScalableDimension>,
        configuration: &Value,
    ) -> Result<TargetTrackingScalingPolicyConfiguration, String> {
        let mistakes = Collector::default();
        let read = target_tracking(&Section::new("T", configuration, &mistakes).unwrap(), dimension);
        mistakes.finish(read).map_err(|mistakes| mistakes.to_string())
    }

    fn read(configuration: Value) -> Result<TargetTrackingScalingPolicyConfiguration, String> {
        read_for(Some(ScalableDimension::VariantDesiredInstanceCount), &configuration)
    }

    fn predefined(metric: &str) -> Value {
        json!({ "TargetValue": "70", PREDEFINED: { "PredefinedMetricType": metric } })
    }

    #[test]
    fn each_predefined_metric_of_sagemakers_fits_exactly_one_dimension() {
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
    fn numbers_and_truths_come_as_text_and_text_stays_text() {
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
        let read = read(configuration).unwrap();
        assert_eq!((read.target_value, read.disable_scale_in), (0.5, Some(true)));
        assert_eq!((read.scale_in_cooldown, read.scale_out_cooldown), (Some(600), Some(0)));
        let dimension = &read.customized_metric_specification.unwrap().dimensions.unwrap()[0];
        assert_eq!((dimension.name(), dimension.value()), ("Shard", "5"));
    }

    #[test]
    fn there_is_exactly_one_metric() {
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
            "Metrics[1].Expression: not together with MetricStat",
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
