//! Decides whether an endpoint or inference component is ready to be registered.

use crate::model::{
    AttachmentKind, Endpoint, EndpointName, InferenceComponent, InferenceComponentName, Refusal, TargetSpec,
    VariantName,
};

/// Whether a target can be registered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Readiness {
    /// Not yet: the endpoint or inference component is changing.
    Changing {
        /// Its status.
        status: String,
    },
    /// Yes.
    Ready,
}

/// Decides for a production variant, from its endpoint. `zero_limit` is the path of a limit of 0 instances.
pub(super) fn variant_readiness(
    name: &EndpointName,
    variant: &VariantName,
    zero_limit: Option<String>,
    endpoint: Option<&Endpoint>,
) -> Result<Readiness, Refusal> {
    let Some(endpoint) = endpoint else {
        return Err(Refusal::EndpointMissing(name.clone()));
    };
    let status = endpoint.status.clone();
    if !endpoint.is_settled() {
        return Ok(Readiness::Changing { status });
    }
    if status != "InService" {
        return Err(Refusal::EndpointBroken { name: name.clone(), status, reason: endpoint.failure_reason.clone() });
    }
    if !endpoint.variants.iter().any(|has| has == variant.as_str()) {
        let has = endpoint.variants.clone();
        return Err(Refusal::VariantMissing { endpoint: name.clone(), variant: variant.clone(), has });
    }
    if let Some(limit) = zero_limit
        && !endpoint.asynchronous
    {
        return Err(Refusal::CannotScaleToZero { limit, endpoint: name.clone() });
    }
    Ok(Readiness::Ready)
}

/// The path of the first limit of 0, of the target or of a scheduled action. Only an asynchronous endpoint can have 0
/// instances.
///
/// <https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-add-policy.html>,
/// <https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-autoscale.html>
pub(super) fn zero_limit(spec: &TargetSpec) -> Option<String> {
    if spec.capacity("MinCapacity") == 0 {
        return Some("MinCapacity".to_owned());
    }
    spec.attachments_of(AttachmentKind::ScheduledAction).enumerate().find_map(|(index, action)| {
        let limits = action.body.get("ScalableTargetAction")?;
        let zero = ["MinCapacity", "MaxCapacity"].into_iter().find(|limit| limits[limit] == 0)?;
        Some(format!("ScheduledActions[{index}].ScalableTargetAction.{zero}"))
    })
}

/// Warns of what may keep a variant from scaling as its template says.
pub(super) fn warn_of_misfits(spec: &TargetSpec, endpoint: &Endpoint) {
    let target = spec.id.resource_id();
    if endpoint.manages_instances_of(&spec.id) {
        tracing::warn!(
            target,
            "SageMaker scales the instances of this variant itself (ManagedInstanceScaling), so both change its instance \
             count; scale its inference components instead, or remove ManagedInstanceScaling"
        );
    }
    for policy in spec.attachments_of(AttachmentKind::ScalingPolicy) {
        let tracking = policy.body.get("TargetTrackingScalingPolicyConfiguration");
        let is_predefined = tracking.is_some_and(|tracking| tracking.get("PredefinedMetricSpecification").is_some());
        // AWS documents the metrics of the backlog, and does not say that there are no others. A user found none:
        // <https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-monitor.html>,
        // <https://github.com/philschmid/terraform-aws-sagemaker-huggingface/issues/9>.
        if endpoint.asynchronous && is_predefined {
            tracing::warn!(
                target,
                policy = policy.name(),
                "an asynchronous endpoint may not publish this predefined metric, and then the policy never scales; track \
                 ApproximateBacklogSizePerInstance with a CustomizedMetricSpecification instead"
            );
        }
    }
}

/// Decides for an inference component.
///
/// <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeInferenceComponent.html> lists the statuses.
pub(super) fn component_readiness(
    name: &InferenceComponentName,
    component: Option<&InferenceComponent>,
) -> Result<Readiness, Refusal> {
    let Some(component) = component else {
        return Err(Refusal::ComponentMissing(name.clone()));
    };
    match component.status.as_deref() {
        Some("InService") => Ok(Readiness::Ready),
        Some(status @ ("Deleting" | "Failed")) => {
            let (status, reason) = (status.to_owned(), component.failure_reason.clone());
            Err(Refusal::ComponentBroken { name: name.clone(), status, reason })
        }
        status => Ok(Readiness::Changing { status: status.unwrap_or("of unknown status").to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The readiness of variant blue of endpoint prod.
    fn readiness(min_capacity: u32, endpoint: Option<&Endpoint>) -> Result<Readiness, Refusal> {
        let (name, variant) = ("prod".parse().unwrap(), "blue".parse().unwrap());
        let zero_limit = (min_capacity == 0).then(|| "MinCapacity".to_owned());
        variant_readiness(&name, &variant, zero_limit, endpoint)
    }

    fn in_service() -> Endpoint {
        Endpoint {
            name: "prod".into(),
            config: "config".into(),
            status: "InService".into(),
            failure_reason: None,
            variants: vec!["blue".into(), "green".into()],
            managed_variants: Vec::new(),
            asynchronous: false,
            created: None,
        }
    }

    #[test]
    fn an_endpoint_in_service_with_the_variant_is_ready() {
        assert_eq!(readiness(1, Some(&in_service())), Ok(Readiness::Ready));
    }

    #[test]
    fn a_changing_endpoint_is_waited_for_even_if_it_does_not_have_the_variant_yet() {
        for status in ["Creating", "Updating", "SystemUpdating", "RollingBack", "SomethingNew"] {
            let endpoint = Endpoint { status: status.into(), variants: Vec::new(), ..in_service() };
            let changing = Readiness::Changing { status: status.into() };
            assert_eq!(readiness(1, Some(&endpoint)), Ok(changing));
        }
    }

    #[test]
    fn an_endpoint_that_will_not_be_ready_is_refused_with_sagemakers_reason() {
        for status in ["Deleting", "Failed", "OutOfService", "UpdateRollbackFailed"] {
            let failure_reason = Some("no capacity".to_owned());
            let endpoint = Endpoint { status: status.into(), failure_reason, ..in_service() };
            let told = readiness(1, Some(&endpoint)).unwrap_err().to_string();
            assert!(told.contains(&format!("endpoint prod is {status} (no capacity)")), "{told}");
        }
        let told = readiness(1, None).unwrap_err().to_string();
        assert!(told.contains("there is no endpoint prod"), "{told}");
    }

    #[test]
    fn a_missing_variant_is_refused_with_the_variants_of_the_endpoint() {
        let endpoint = Endpoint { variants: vec!["Blue".into(), "green".into()], ..in_service() };
        let told = readiness(1, Some(&endpoint)).unwrap_err().to_string();
        assert_eq!(told, "VariantName: endpoint prod has no variant blue; it has Blue, green");
    }

    #[test]
    fn only_an_asynchronous_endpoint_scales_to_zero() {
        let refused =
            Err(Refusal::CannotScaleToZero { limit: "MinCapacity".into(), endpoint: "prod".parse().unwrap() });
        assert_eq!(readiness(0, Some(&in_service())), refused);
        let asynchronous = Endpoint { asynchronous: true, ..in_service() };
        assert_eq!(readiness(0, Some(&asynchronous)), Ok(Readiness::Ready));
    }

    #[test]
    fn an_inference_component_is_ready_when_it_is_in_service() {
        let name = "llm".parse().unwrap();
        let with_status = |status: Option<String>| {
            let component = InferenceComponent { status, failure_reason: Some("no capacity".to_owned()) };
            component_readiness(&name, Some(&component))
        };
        let readiness = |status: &str| with_status(Some(status.to_owned()));
        assert_eq!(readiness("InService"), Ok(Readiness::Ready));
        for status in ["Creating", "Updating", "SomethingNew"] {
            assert_eq!(readiness(status), Ok(Readiness::Changing { status: status.to_owned() }));
        }
        assert_eq!(with_status(None), Ok(Readiness::Changing { status: "of unknown status".to_owned() }));
        for status in ["Deleting", "Failed"] {
            let told = readiness(status).unwrap_err().to_string();
            assert!(told.contains(&format!("inference component llm is {status} (no capacity)")), "{told}");
        }
        let told = component_readiness(&name, None).unwrap_err().to_string();
        assert!(told.contains("there is no inference component llm"), "{told}");
    }
}
