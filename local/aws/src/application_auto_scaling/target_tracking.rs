//! The configurations of target tracking policies.
//!
//! API: <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_TargetTrackingScalingPolicyConfiguration.html> and
//! its neighbours, which is also the source of every rule that names no other. Assumed (belief error-texts): the texts, where no
//! source is named.

use std::collections::BTreeSet;

use crate::protocol::fault::Fault;
use crate::protocol::input::{Input, required};
use crate::protocol::member_types::MemberType;
use crate::state::scalable_target::{AttachmentKind, Dimension, Target, TargetId};

/// The member of a policy with its target tracking configuration.
pub(crate) const TRACKING: &str = "TargetTrackingScalingPolicyConfiguration";

/// Rejects a configuration that is incomplete or does not suit the target.
pub(crate) fn check(id: &TargetId, target: &Target, name: &str, configuration: Input<'_>) -> Result<(), Fault> {
    let value = required("TargetValue", configuration.number("TargetValue")?)?;
    // "Values must be in the range of -2^360 to 2^360."
    if value.abs() > 360_f64.exp2() {
        return Err(Fault::validation("The target value must be between -2^360 and 2^360"));
    }
    for cooldown in ["ScaleOutCooldown", "ScaleInCooldown"] {
        // Assumed (beliefs put-rules, error-texts): the rule, too.
        if configuration.integer(cooldown)?.is_some_and(i64::is_negative) {
            return Err(Fault::validation(format!("{cooldown} must be 0 or greater")));
        }
    }
    // "You can specify either a predefined metric or a customized metric."
    match (configuration.object(PREDEFINED)?, configuration.object(CUSTOMIZED)?) {
        (Some(metric), None) => check_predefined(id.dimension, metric)?,
        (None, Some(metric)) => check_customized(metric)?,
        (None, None) | (Some(_), Some(_)) => {
            let message = format!("Exactly one of {PREDEFINED} and {CUSTOMIZED} must be specified");
            return Err(Fault::validation(message));
        }
    }
    // https://github.com/hashicorp/terraform-provider-aws/issues/41179 has the text. Assumed (belief same-metric):
    // two metrics are equal if their specifications are.
    let metric = |configuration: Input<'_>| {
        [PREDEFINED, CUSTOMIZED].map(|specification| configuration.get(specification).cloned())
    };
    let is_policy = |kind: AttachmentKind| kind == AttachmentKind::ScalingPolicy;
    for ((_, other_name), other) in target.attachments.iter().filter(|((kind, _), _)| is_policy(*kind)) {
        let other = Input(&other.given).object(TRACKING)?;
        if other_name != name && other.is_some_and(|other| metric(other) == metric(configuration)) {
            return Err(Fault::validation(
                "Only one TargetTrackingScaling policy for a given metric specification is allowed.",
            ));
        }
    }
    Ok(())
}

/// Rejects a predefined metric of another dimension. Assumed (belief put-rules): an unknown metric is rejected
/// with the same message.
fn check_predefined(dimension: Dimension, metric: Input<'_>) -> Result<(), Fault> {
    let supported: &[&str] = match dimension {
        Dimension::CopyCount => &[
            "SageMakerInferenceComponentInvocationsPerCopy",
            "SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution",
        ],
        Dimension::InstanceCount => {
            &["SageMakerVariantInvocationsPerInstance", "SageMakerVariantConcurrentRequestsPerModelHighResolution"]
        }
        Dimension::ProvisionedConcurrency => &["SageMakerVariantProvisionedConcurrencyUtilization"],
    };
    // https://github.com/aws/aws-cdk/issues/29065 has the text, for provisioned concurrency.
    if !supported.contains(&metric.text("PredefinedMetricType")?) {
        return Err(Fault::validation(format!(
            "Scalable dimension {} only supports the following predefined metric types: {}",
            dimension.name(),
            supported.join(", ")
        )));
    }
    // "You can't specify a resource label unless the metric type is ALBRequestCountPerTarget"
    match metric.get("ResourceLabel") {
        Some(_) => Err(Fault::validation("ResourceLabel is only supported for ALBRequestCountPerTarget")),
        None => Ok(()),
    }
}

/// Checks one metric, or a list of queries of which one is the result:
/// <https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-target-tracking-metric-math.html>
///
/// Assumed (belief put-rules): the two cannot be combined; the members that a single metric needs.
fn check_customized(metric: Input<'_>) -> Result<(), Fault> {
    let queries = metric.objects("Metrics")?;
    if metric.get("Metrics").is_none() {
        return ["MetricName", "Namespace", "Statistic"]
            .into_iter()
            .try_for_each(|member| metric.text(member).map(|_| ()));
    }
    if CUSTOMIZED_METRIC.iter().any(|(member, _)| *member != "Metrics" && metric.get(member).is_some()) {
        return Err(Fault::validation("Metrics cannot be combined with the members of a single metric"));
    }
    let (mut ids, mut results) = (BTreeSet::new(), 0);
    for query in queries {
        let id = query.text("Id")?;
        // "The valid characters are letters, numbers, and underscores. The first character must be a lowercase letter."
        if !id.starts_with(|first: char| first.is_ascii_lowercase())
            || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        {
            return Err(Fault::validation(format!("The metric ID {id} is not valid")));
        }
        // "This name must be unique among all MetricDataQuery objects specified for a single scaling policy."
        if !ids.insert(id) {
            return Err(Fault::validation(format!("The metric ID {id} is not unique")));
        }
        // "you must specify either Expression or MetricStat, but not both"
        if query.get("Expression").is_some() == query.get("MetricStat").is_some() {
            return Err(Fault::validation(format!("Metric {id} must have either an Expression or a MetricStat")));
        }
        // The default is true.
        results += usize::from(query.get("ReturnData").is_none() || query.flag("ReturnData")?);
    }
    // "If you use any math expressions, specify true for this value for only the final math expression".
    if results == 1 { Ok(()) } else { Err(Fault::validation("Exactly one metric must return data")) }
}

const PREDEFINED: &str = "PredefinedMetricSpecification";
const CUSTOMIZED: &str = "CustomizedMetricSpecification";

pub(crate) const CONFIGURATION: MemberType = MemberType::Structure {
    required: &[("TargetValue", MemberType::Number)],
    optional: &[
        (
            PREDEFINED,
            MemberType::Structure {
                required: &[("PredefinedMetricType", MemberType::Text)],
                optional: &[("ResourceLabel", MemberType::BoundedText(1023))],
            },
        ),
        (CUSTOMIZED, MemberType::Structure { required: &[], optional: CUSTOMIZED_METRIC }),
        ("ScaleOutCooldown", MemberType::Integer),
        ("ScaleInCooldown", MemberType::Integer),
        ("DisableScaleIn", MemberType::Flag),
    ],
};
const CUSTOMIZED_METRIC: &[(&str, MemberType)] = &[
    ("MetricName", MemberType::Text),
    ("Namespace", MemberType::Text),
    (
        "Dimensions",
        MemberType::List(&MemberType::Structure {
            required: &[("Name", MemberType::Text), ("Value", MemberType::Text)],
            optional: &[],
        }),
    ),
    ("Statistic", MemberType::OneOf(&["Average", "Minimum", "Maximum", "SampleCount", "Sum"])),
    ("Unit", MemberType::Text),
    ("Metrics", MemberType::List(&QUERY)),
];
const QUERY: MemberType = MemberType::Structure {
    required: &[("Id", MemberType::BoundedText(255))],
    optional: &[
        ("Expression", MemberType::BoundedText(2048)),
        ("Label", MemberType::Text),
        (
            "MetricStat",
            MemberType::Structure {
                required: &[("Metric", METRIC), ("Stat", MemberType::Text)],
                optional: &[("Unit", MemberType::BoundedText(1023))],
            },
        ),
        ("ReturnData", MemberType::Flag),
    ],
};
const METRIC: MemberType = MemberType::Structure {
    required: &[],
    optional: &[
        (
            "Dimensions",
            MemberType::List(&MemberType::Structure {
                required: &[("Name", MemberType::BoundedText(255)), ("Value", MemberType::BoundedText(1024))],
                optional: &[],
            }),
        ),
        ("MetricName", MemberType::BoundedText(255)),
        ("Namespace", MemberType::BoundedText(255)),
    ],
};

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::LocalAws;
    use crate::testing::{register, scaling, tracking, with_target};

    const INVOCATIONS: &str = "SageMakerVariantInvocationsPerInstance";
    const CONCURRENT: &str = "SageMakerVariantConcurrentRequestsPerModelHighResolution";

    fn put(aws: &mut LocalAws, name: &str, configuration: Value) -> Result<(), Fault> {
        let input = json!({ "PolicyName": name, "PolicyType": "TargetTrackingScaling", TRACKING: configuration });
        scaling(aws, "PutScalingPolicy", input).map(|_| ())
    }

    fn customized(metric: &Value) -> Value {
        json!({ "TargetValue": 50, CUSTOMIZED: metric })
    }

    fn cpu() -> Value {
        json!({
            "MetricName": "CPUUtilization",
            "Namespace": "/aws/sagemaker/Endpoints",
            "Dimensions": [{ "Name": "EndpointName", "Value": "5" }],
            "Statistic": "Average",
            "Unit": "Percent",
        })
    }

    /// An expression: half of a metric.
    fn math() -> Value {
        let metric = json!({
            "Namespace": "AWS/SageMaker",
            "MetricName": "Invocations",
            "Dimensions": [{ "Name": "EndpointName", "Value": "Prod" }],
        });
        json!({ "Metrics": [
            { "Id": "m1", "MetricStat": { "Metric": metric, "Stat": "Sum", "Unit": "Count" }, "ReturnData": false },
            { "Id": "half", "Expression": "m1 / 2", "Label": "half" },
        ] })
    }

    #[test]
    fn a_policy_tracks_either_a_predefined_or_a_customized_metric() {
        let predefined = json!({ "PredefinedMetricType": INVOCATIONS });
        for (metrics, fits) in [
            (json!({ "TargetValue": 50, PREDEFINED: predefined }), true),
            (customized(&cpu()), true),
            (customized(&math()), true),
            (json!({ "TargetValue": 50 }), false),
            (json!({ "TargetValue": 50, PREDEFINED: predefined, CUSTOMIZED: cpu() }), false),
        ] {
            let outcome = put(&mut with_target(), "p", metrics.clone()).map_err(|fault| fault.code);
            assert_eq!(outcome, if fits { Ok(()) } else { Err("ValidationException".into()) }, "{metrics}");
        }
    }

    #[test]
    fn a_predefined_metric_must_suit_the_dimension() {
        let mut aws = with_target();
        for metric in ["SageMakerInferenceComponentInvocationsPerCopy", "ECSServiceAverageCPUUtilization", "CPU"] {
            let fault = scaling(&mut aws, "PutScalingPolicy", tracking("p", metric)).unwrap_err();
            assert_eq!(
                fault.to_string(),
                format!(
                    "ValidationException: Scalable dimension sagemaker:variant:DesiredInstanceCount only supports the \
                     following predefined metric types: {INVOCATIONS}, {CONCURRENT}"
                )
            );
        }
        let variant = json!({ "VariantName": "v", "ServerlessConfig": { "ProvisionedConcurrency": 1 } });
        let config = json!({ "EndpointConfigName": "serverless", "ProductionVariants": [variant] });
        aws.call("SageMaker.CreateEndpointConfig", &config, 0.0).expect("a valid configuration");
        let endpoint = json!({ "EndpointName": "serverless", "EndpointConfigName": "serverless" });
        aws.call("SageMaker.CreateEndpoint", &endpoint, 0.0).expect("the configuration exists");
        let target = json!({
            "ResourceId": "endpoint/serverless/variant/v",
            "ScalableDimension": "sagemaker:variant:DesiredProvisionedConcurrency",
            "MinCapacity": 1,
            "MaxCapacity": 2,
        });
        register(&mut aws, target.clone());
        let mut put = |metric| {
            let mut input = tracking("p", metric);
            input.as_object_mut().expect("an object").extend(target.as_object().expect("an object").clone());
            scaling(&mut aws, "PutScalingPolicy", input)
        };
        assert_eq!(
            put(INVOCATIONS).unwrap_err().message,
            "Scalable dimension sagemaker:variant:DesiredProvisionedConcurrency only supports the following predefined \
             metric types: SageMakerVariantProvisionedConcurrencyUtilization"
        );
        put("SageMakerVariantProvisionedConcurrencyUtilization").expect("it fits");
    }

    #[test]
    fn two_policies_of_a_target_cannot_track_the_same_metric() {
        let mut aws = with_target();
        for (n, configuration) in [customized(&cpu()), customized(&math()), tracking("", INVOCATIONS)[TRACKING].clone()]
            .into_iter()
            .enumerate()
        {
            put(&mut aws, &format!("p{n}"), configuration.clone()).expect("no policy tracks it yet");
            put(&mut aws, &format!("p{n}"), configuration.clone()).expect("the same policy may track it");
            let mut other = configuration;
            other["TargetValue"] = json!(60);
            assert_eq!(
                put(&mut aws, "other", other).unwrap_err().to_string(),
                "ValidationException: Only one TargetTrackingScaling policy for a given metric specification is allowed."
            );
        }
        put(&mut aws, "other", tracking("", CONCURRENT)[TRACKING].clone()).expect("another metric");
    }

    #[test]
    fn a_customized_metric_must_be_complete() {
        let with = |mut metric: Value, pointer: &str, value: Value| {
            let (parent, member) = pointer.rsplit_once('/').expect("a pointer");
            metric.pointer_mut(parent).expect("it is there")[member] = value;
            metric
        };
        for metric in [
            json!({}),
            with(cpu(), "/MetricName", json!(null)),
            with(cpu(), "/Namespace", json!(null)),
            with(cpu(), "/Statistic", json!(null)),
            with(cpu(), "/Statistic", json!("p99")),
            with(cpu(), "/Dimensions/0/Value", json!(null)),
            with(cpu(), "/Metrics", math()["Metrics"].clone()),
            json!({ "Metrics": [] }),
            with(math(), "/Metrics/0/Id", json!(null)),
            with(math(), "/Metrics/0/Id", json!("half")),
            with(math(), "/Metrics/0/Id", json!("M1")),
            with(math(), "/Metrics/0/Id", json!("m-1")),
            with(math(), "/Metrics/0/Expression", json!("1")),
            with(math(), "/Metrics/1/Expression", json!(null)),
            with(math(), "/Metrics/1/Expression", json!("")),
            with(math(), "/Metrics/0/ReturnData", json!(null)),
            with(math(), "/Metrics/1/ReturnData", json!(false)),
            with(math(), "/Metrics/0/MetricStat/Stat", json!(null)),
            with(math(), "/Metrics/0/MetricStat/Metric", json!(null)),
            with(math(), "/Metrics/0/MetricStat/Metric/Dimensions/0/Name", json!("")),
        ] {
            let fault = put(&mut with_target(), "p", customized(&metric)).unwrap_err();
            assert_eq!(fault.code, "ValidationException", "{metric}");
        }
    }

    #[test]
    fn numbers_must_be_in_range() {
        for (member, value) in
            [("TargetValue", json!(3e108)), ("ScaleInCooldown", json!(-1)), ("ScaleOutCooldown", json!(-1))]
        {
            let mut configuration = customized(&cpu());
            configuration[member] = value;
            let fault = put(&mut with_target(), "p", configuration).unwrap_err();
            assert_eq!(fault.code, "ValidationException", "{member}");
        }
        let mut configuration = customized(&cpu());
        (configuration["TargetValue"], configuration["ScaleInCooldown"]) = (json!(-0.5), json!(0));
        put(&mut with_target(), "p", configuration).expect("both are in range");
    }

    #[test]
    fn numbers_and_booleans_as_strings_are_rejected_at_any_depth() {
        for (pointer, value) in [
            ("/TargetValue", json!("50")),
            ("/ScaleInCooldown", json!("60")),
            ("/ScaleOutCooldown", json!(1.5)),
            ("/DisableScaleIn", json!("true")),
            ("/CustomizedMetricSpecification/Metrics/0/ReturnData", json!("false")),
            ("/CustomizedMetricSpecification/Metrics/0/MetricStat/Metric/Dimensions/0/Value", json!(5)),
        ] {
            let mut configuration = customized(&math());
            let (parent, member) = pointer.rsplit_once('/').expect("a pointer");
            configuration.pointer_mut(parent).expect("it is there")[member] = value;
            let fault = put(&mut with_target(), "p", configuration).unwrap_err();
            assert_eq!((fault.status, &*fault.code), (400, "SerializationException"), "{pointer}");
        }
    }

    #[test]
    fn a_resource_label_is_rejected() {
        let mut input = tracking("p", INVOCATIONS);
        input[TRACKING][PREDEFINED]["ResourceLabel"] = json!("app/my-alb/1/targetgroup/my-group/2");
        assert_eq!(scaling(&mut with_target(), "PutScalingPolicy", input).unwrap_err().code, "ValidationException");
    }
}
