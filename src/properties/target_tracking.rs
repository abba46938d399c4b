//! `TargetTrackingScalingPolicyConfiguration`: a predefined metric, a customized metric, or metric math.
//!
//! <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_TargetTrackingScalingPolicyConfiguration.html>

use aws_sdk_applicationautoscaling::types::{MetricStatistic, MetricType};

use super::reader::{Section, boolean, number, one_of, text, whole_number};
use crate::model::json::Object;
use crate::model::{ScalableDimension, VariantDimension};

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
            ScalableDimension::CopyCount
        } else if *metric == MetricType::SageMakerVariantProvisionedConcurrencyUtilization.as_str() {
            ScalableDimension::Variant(VariantDimension::ProvisionedConcurrency)
        } else {
            ScalableDimension::Variant(VariantDimension::InstanceCount)
        };
        dimension.is_none_or(|dimension| dimension == of)
    };
    MetricType::values().iter().copied().filter(|metric| metric.starts_with("SageMaker")).filter(fits).collect()
}

fn customized_metric(section: &Section<'_>) -> Object {
    if section.value(METRICS).is_some() {
        for name in ["Dimensions", "MetricName", "Namespace", "Statistic", "Unit"] {
            if section.value(name).is_some() {
                section.note(name, format_args!("cannot be set together with {METRICS}; remove one of the two"));
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
