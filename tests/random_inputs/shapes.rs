//! Strategies for scaling policies and scheduled actions, in the SDK's types.

use autoscaling::types::{
    AdjustmentType, CustomizedMetricSpecification, MetricAggregationType, MetricDimension, MetricStatistic, MetricType,
    PredefinedMetricSpecification, ScalableDimension, ScalableTargetAction, StepAdjustment,
    StepScalingPolicyConfiguration, TargetTrackingMetric, TargetTrackingMetricDataQuery, TargetTrackingMetricDimension,
    TargetTrackingMetricStat, TargetTrackingScalingPolicyConfiguration,
};
use aws_sdk_applicationautoscaling as autoscaling;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use crate::policies::{Action, Attached};

/// Text, some of which looks like a number, a boolean or null.
fn words() -> impl Strategy<Value = String> {
    prop_oneof![select(&["5", "true", "1e3", "null", "0.50", "é🦀", " "][..]).prop_map(str::to_owned), "[ -~]{1,20}"]
}

fn numbers() -> impl Strategy<Value = f64> {
    prop_oneof![Just(70.0), Just(0.1), Just(1e-7), Just(-3.5), Just(2_f64.powi(60)), (-1e9..1e9)]
}

fn cooldowns() -> impl Strategy<Value = Option<i32>> {
    option::of(0..=i32::MAX)
}

pub(crate) fn steps() -> impl Strategy<Value = StepScalingPolicyConfiguration> {
    let bounds = prop::collection::btree_set(-1_000_i32..1_000, 1..8);
    (
        select(AdjustmentType::values()),
        option::of(select(MetricAggregationType::values())),
        cooldowns(),
        option::of(0_i32..50),
        bounds,
        vec(any::<i32>(), 9),
    )
        .prop_map(|(adjustment, aggregation, cooldown, magnitude, bounds, adjustments)| {
            let bounds: Vec<_> = bounds.into_iter().map(|bound| f64::from(bound) / 4.0).collect();
            let lower = std::iter::once(None).chain(bounds.iter().copied().map(Some));
            let upper = bounds.iter().copied().map(Some).chain(std::iter::once(None));
            let step = |((lower, upper), adjustment)| {
                let builder = StepAdjustment::builder().scaling_adjustment(adjustment);
                builder
                    .set_metric_interval_lower_bound(lower)
                    .set_metric_interval_upper_bound(upper)
                    .build()
                    .expect("complete")
            };
            StepScalingPolicyConfiguration::builder()
                .adjustment_type(adjustment.into())
                .set_metric_aggregation_type(aggregation.map(MetricAggregationType::from))
                .set_cooldown(cooldown)
                .set_min_adjustment_magnitude(magnitude)
                .set_step_adjustments(Some(lower.zip(upper).zip(adjustments).map(step).collect()))
                .build()
        })
}

fn dimensions() -> impl Strategy<Value = Option<Vec<(String, String)>>> {
    option::of(vec((words(), words()), 0..4))
}

fn queries() -> impl Strategy<Value = TargetTrackingMetricDataQuery> {
    let metric = (dimensions(), option::of(words()), option::of(words())).prop_map(|(dimensions, name, namespace)| {
        let dimension =
            |(name, value)| TargetTrackingMetricDimension::builder().name(name).value(value).build().expect("complete");
        let dimensions = dimensions.map(|dimensions| dimensions.into_iter().map(dimension).collect());
        let builder = TargetTrackingMetric::builder().set_dimensions(dimensions);
        builder.set_metric_name(name).set_namespace(namespace).build()
    });
    let stat = (metric, words(), option::of(words())).prop_map(|(metric, stat, unit)| {
        TargetTrackingMetricStat::builder().metric(metric).stat(stat).set_unit(unit).build().expect("complete")
    });
    let what = prop_oneof![words().prop_map(|text| (Some(text), None)), stat.prop_map(|stat| (None, Some(stat)))];
    ("[a-z][A-Za-z0-9_]{0,9}", what, option::of(words()), option::of(any::<bool>())).prop_map(
        |(id, (expression, stat), label, return_data)| {
            TargetTrackingMetricDataQuery::builder()
                .id(id)
                .set_expression(expression)
                .set_metric_stat(stat)
                .set_label(label)
                .set_return_data(return_data)
                .build()
                .expect("complete")
        },
    )
}

fn customized() -> impl Strategy<Value = CustomizedMetricSpecification> {
    let own = (words(), words(), dimensions(), select(MetricStatistic::values()), option::of(words())).prop_map(
        |(name, namespace, dimensions, statistic, unit)| {
            let dimension =
                |(name, value)| MetricDimension::builder().name(name).value(value).build().expect("complete");
            CustomizedMetricSpecification::builder()
                .metric_name(name)
                .namespace(namespace)
                .set_dimensions(dimensions.map(|dimensions| dimensions.into_iter().map(dimension).collect()))
                .statistic(statistic.into())
                .set_unit(unit)
                .build()
        },
    );
    let math = vec(queries(), 1..4).prop_map(|mut queries| {
        // Ids are unique.
        queries.iter_mut().enumerate().for_each(|(number, query)| query.id.push_str(&number.to_string()));
        CustomizedMetricSpecification::builder().set_metrics(Some(queries)).build()
    });
    prop_oneof![own, math]
}

/// A metric, and a dimension that it is for.
fn metrics()
-> impl Strategy<Value = (Option<PredefinedMetricSpecification>, Option<CustomizedMetricSpecification>, ScalableDimension)>
{
    let of_sagemaker: Vec<_> = MetricType::values().iter().filter(|name| name.starts_with("SageMaker")).collect();
    let predefined = (select(of_sagemaker), option::of(words())).prop_map(|(metric, label)| {
        let dimension = match *metric {
            "SageMakerVariantProvisionedConcurrencyUtilization" => {
                ScalableDimension::SageMakerVariantDesiredProvisionedConcurrency
            }
            metric if metric.contains("InferenceComponent") => {
                ScalableDimension::SageMakerInferenceComponentDesiredCopyCount
            }
            _ => ScalableDimension::SageMakerVariantDesiredInstanceCount,
        };
        let builder = PredefinedMetricSpecification::builder().predefined_metric_type((*metric).into());
        (Some(builder.set_resource_label(label).build().expect("complete")), None, dimension)
    });
    let customized = customized()
        .prop_map(|customized| (None, Some(customized), ScalableDimension::SageMakerVariantDesiredInstanceCount));
    prop_oneof![predefined, customized]
}

pub(crate) fn trackings() -> impl Strategy<Value = Attached> {
    (metrics(), numbers(), cooldowns(), cooldowns(), option::of(any::<bool>())).prop_map(
        |((predefined, customized, dimension), value, scale_in, scale_out, disable_scale_in)| {
            let tracking = TargetTrackingScalingPolicyConfiguration::builder()
                .target_value(value)
                .set_predefined_metric_specification(predefined)
                .set_customized_metric_specification(customized)
                .set_scale_in_cooldown(scale_in)
                .set_scale_out_cooldown(scale_out)
                .set_disable_scale_in(disable_scale_in)
                .build()
                .expect("complete");
            Attached::Tracking(tracking, dimension)
        },
    )
}

pub(crate) fn actions() -> impl Strategy<Value = Attached> {
    let schedules = select(&["at(2030-12-31T23:59:59)", "rate(15 minutes)", "cron(0/15 8-18 ? * MON-FRI *)"][..]);
    let zones = select(&["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires"][..]);
    let limits = prop_oneof![
        (0_i32..9).prop_map(|min| (Some(min), None)),
        (0_i32..9).prop_map(|max| (None, Some(max))),
        (0_i32..9, 9_i32..20).prop_map(|(min, max)| (Some(min), Some(max))),
    ];
    (schedules, zones, option::of(0_i64..2_000_000_000), option::of(2_000_000_000_i64..4_000_000_000), limits).prop_map(
        |(schedule, zone, start_time, end_time, (min, max))| {
            let limits = ScalableTargetAction::builder().set_min_capacity(min).set_max_capacity(max).build();
            Attached::Action(Action { schedule, timezone: zone.to_owned(), start_time, end_time, limits })
        },
    )
}
