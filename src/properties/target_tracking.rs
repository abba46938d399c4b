//! `TargetTrackingScalingPolicyConfiguration`: a predefined metric, a customized metric, or metric math.
//!
//! <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_TargetTrackingScalingPolicyConfiguration.html>

use std::collections::BTreeSet;

use aws_sdk_applicationautoscaling::types::{MetricStatistic, MetricType};
use serde_json::Value;

use super::reader::{Section, boolean, bounded, note_repeated_name, number, one_of, text, whole_number};
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
    section.body().required("PredefinedMetricType", metric).optional("ResourceLabel", bounded(MAX_LABEL)).finish()
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
        let mut ids = BTreeSet::new();
        let query = |query: &Section<'_>| metric_data_query(query, &mut ids);
        return section.body().list(METRICS, "metric data queries", usize::MAX, query).finish();
    }
    section
        .body()
        .required("MetricName", bounded(MAX_NAME))
        .required("Namespace", bounded(MAX_NAME))
        .list("Dimensions", "Name and Value", MAX_DIMENSIONS, metric_dimension)
        .required("Statistic", one_of(MetricStatistic::values()))
        .optional("Unit", bounded(MAX_UNIT))
        .finish()
}

/// <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_TargetTrackingMetricDataQuery.html>
fn metric_data_query(section: &Section<'_>, ids: &mut BTreeSet<String>) -> Object {
    let query = section
        .body()
        .required("Id", query_id)
        .optional("Expression", bounded(MAX_EXPRESSION))
        .optional("Label", text)
        .object("MetricStat", metric_stat)
        .optional("ReturnData", boolean)
        .finish();
    section.exactly_one("Expression", "MetricStat");
    note_repeated_name(section, "Id", &query, ids);
    query
}

/// Reads the id by which expressions refer to a query.
fn query_id(value: &Value) -> Result<&str, String> {
    let is_id = |id: &&str| {
        id.len() <= MAX_NAME
            && id.starts_with(|first: char| first.is_ascii_lowercase())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    value
        .as_str()
        .filter(is_id)
        .ok_or_else(|| format!("1 to {MAX_NAME} letters, digits and underscores, beginning with a lower-case letter"))
}

fn metric_stat(section: &Section<'_>) -> Object {
    section.body().required_object("Metric", metric).required("Stat", text).optional("Unit", bounded(MAX_UNIT)).finish()
}

fn metric(section: &Section<'_>) -> Object {
    section
        .body()
        .list("Dimensions", "Name and Value", MAX_DIMENSIONS, metric_dimension)
        .optional("MetricName", bounded(MAX_NAME))
        .optional("Namespace", bounded(MAX_NAME))
        .finish()
}

fn metric_dimension(section: &Section<'_>) -> Object {
    section.body().required("Name", bounded(MAX_NAME)).required("Value", bounded(MAX_VALUE)).finish()
}

const CUSTOMIZED: &str = "CustomizedMetricSpecification";
const METRICS: &str = "Metrics";
const PREDEFINED: &str = "PredefinedMetricSpecification";
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_Metric.html>
const MAX_DIMENSIONS: usize = 30;
/// The lengths of the API's members, in characters. The API has none for the members of a single metric, and passes them on to
/// CloudWatch, which has the same: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricStat.html>.
const MAX_EXPRESSION: usize = 2048;
const MAX_LABEL: usize = 1023;
const MAX_NAME: usize = 255;
const MAX_UNIT: usize = 1023;
const MAX_VALUE: usize = 1024;
