//! What is scaled: `EndpointName` and `VariantName`, or `InferenceComponentName`, and `ScalableDimension`.

use std::fmt::Display;
use std::str::FromStr;

use serde_json::Value;

use crate::aws::Here;
use crate::id::{EndpointName, InferenceComponentName, ScalableDimension, ScalableTargetId, VariantDimension};
use crate::reader::{Section, text};

/// Reads the target, strictly.
pub(super) fn target(section: &Section<'_>, here: &Here) -> Option<ScalableTargetId> {
    if section.value("InferenceComponentName").is_some() {
        for name in ["EndpointName", "VariantName"] {
            if section.value(name).is_some() {
                section.note(name, "not together with InferenceComponentName");
            }
        }
        let component = section.required("InferenceComponentName", |value| component_name(text(value)?, Some(here)));
        let dimension = section.optional("ScalableDimension", |value| dimension(value, &[COPIES]));
        dimension.ok()?;
        return component.map(ScalableTargetId::InferenceComponent);
    }
    let endpoint = section.required("EndpointName", |value| endpoint_name(text(value)?, Some(here)));
    let variant = section.required("VariantName", |value| text(value)?.parse().map_err(|error| format!("{error}")));
    let dimension = section.optional("ScalableDimension", |value| dimension(value, &[INSTANCES, CONCURRENCY]));
    Some(ScalableTargetId::Variant {
        endpoint: endpoint?,
        variant: variant?,
        dimension: variant_dimension(dimension.ok()?),
    })
}

/// The target that properties of any shape name, if they name one.
pub(super) fn named_target(properties: &Value) -> Option<ScalableTargetId> {
    let text = |name| properties.get(name).and_then(Value::as_str);
    if let Some(component) = text("InferenceComponentName") {
        return component_name(component, None).ok().map(ScalableTargetId::InferenceComponent);
    }
    let dimension = properties.get("ScalableDimension").map(|value| dimension(value, &[INSTANCES, CONCURRENCY]));
    Some(ScalableTargetId::Variant {
        endpoint: endpoint_name(text("EndpointName")?, None).ok()?,
        variant: text("VariantName")?.parse().ok()?,
        dimension: variant_dimension(dimension.transpose().ok()?),
    })
}

fn variant_dimension(dimension: Option<ScalableDimension>) -> VariantDimension {
    match dimension {
        Some(CONCURRENCY) => VariantDimension::ProvisionedConcurrency,
        _ => VariantDimension::InstanceCount,
    }
}

fn dimension(value: &Value, fitting: &[ScalableDimension]) -> Result<ScalableDimension, String> {
    let found = fitting.iter().find(|dimension| value.as_str() == Some(dimension.as_str()));
    found.copied().ok_or_else(|| fitting.iter().map(|fits| fits.as_str()).collect::<Vec<_>>().join(" or "))
}

/// An endpoint by its name or its ARN: `!Ref` of `AWS::SageMaker::Endpoint` is the ARN.
fn endpoint_name(text: &str, here: Option<&Here>) -> Result<EndpointName, String> {
    name_or_arn(text, here, "endpoint", "an endpoint")
}

/// An inference component by its name or its ARN: `!Ref` of `AWS::SageMaker::InferenceComponent` is the ARN.
fn component_name(text: &str, here: Option<&Here>) -> Result<InferenceComponentName, String> {
    name_or_arn(text, here, "inference-component", "an inference component")
}

fn name_or_arn<T: FromStr<Err: Display>>(
    text: &str,
    here: Option<&Here>,
    resource_type: &str,
    noun: &str,
) -> Result<T, String> {
    let name = |text: &str| text.parse().map_err(|error| format!("{noun}'s name ({error}) or its ARN"));
    if !text.starts_with("arn:") {
        return name(text);
    }
    let mut parts = text.splitn(6, ':').skip(1);
    let (partition, service) = (parts.next().unwrap_or_default(), parts.next());
    let (region, account, resource) = (parts.next(), parts.next(), parts.next());
    let is_partition = partition == "aws" || partition.starts_with("aws-");
    let resource = resource.filter(|_| is_partition && service == Some("sagemaker"));
    let (kind, found) = resource.and_then(|resource| resource.split_once('/')).unwrap_or_default();
    if kind != resource_type {
        return Err(format!("the ARN of {noun}, arn:PARTITION:sagemaker:REGION:ACCOUNT:{resource_type}/NAME"));
    }
    if let Some(here) = here {
        if region != Some(&here.region) {
            return Err(format!("{noun} of this Region, {}", here.region));
        }
        if here.account.is_some() && account != here.account.as_deref() {
            return Err(format!("{noun} of this account, {}", here.account.as_deref().unwrap_or_default()));
        }
    }
    name(found)
}

const CONCURRENCY: ScalableDimension = ScalableDimension::VariantDesiredProvisionedConcurrency;
const COPIES: ScalableDimension = ScalableDimension::InferenceComponentDesiredCopyCount;
const INSTANCES: ScalableDimension = ScalableDimension::VariantDesiredInstanceCount;
