//! `TagResource`, `UntagResource` and `ListTagsForResource`.
//!
//! API: <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_TagResource.html>; limits:
//! <https://docs.aws.amazon.com/autoscaling/application/userguide/resource-tagging-support.html>

use std::collections::BTreeMap;

use serde_json::json;

use crate::protocol::fault::{Fault, OperationResult};
use crate::protocol::input::{Input, required};
use crate::state::LocalAws;
use crate::state::scalable_target::Target;

impl LocalAws {
    pub(crate) fn tag_resource(&mut self, input: Input<'_>) -> OperationResult {
        let target = self.target_by_arn(input)?;
        required("Tags", input.object("Tags")?)?;
        let mut tags = target.tags.clone();
        tags.extend(read_tags(input)?);
        if tags.len() > MAX_TAGS {
            // Assumed (belief error-texts): the text.
            let message = format!("A scalable target can have at most {MAX_TAGS} tags");
            let resource_name = Some(target.arn.clone());
            return Err(Fault { resource_name, ..Fault::new("TooManyTagsException", message) });
        }
        target.tags = tags;
        Ok(json!({}))
    }

    /// Assumed (belief untag-missing-key): a missing key is not an error.
    pub(crate) fn untag_resource(&mut self, input: Input<'_>) -> OperationResult {
        let target = self.target_by_arn(input)?;
        for key in required("TagKeys", input.texts("TagKeys")?)? {
            target.tags.remove(key);
        }
        Ok(json!({}))
    }

    pub(crate) fn list_tags_for_resource(&mut self, input: Input<'_>) -> OperationResult {
        Ok(json!({ "Tags": self.target_by_arn(input)?.tags }))
    }

    // The pattern in the API model: ^arn:.+:application-autoscaling:.+:[0-9]+:scalable-target\/[a-zA-Z0-9-]+$
    fn target_by_arn(&mut self, input: Input<'_>) -> Result<&mut Target, Fault> {
        let arn = input.text("ResourceARN")?;
        let well_formed = match *arn.splitn(6, ':').collect::<Vec<_>>() {
            ["arn", partition, "application-autoscaling", region, account, resource] => {
                let id = resource.strip_prefix("scalable-target/").unwrap_or_default();
                !(partition.is_empty() || region.is_empty() || account.is_empty() || id.is_empty())
                    && account.bytes().all(|byte| byte.is_ascii_digit())
                    && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            }
            _ => false,
        };
        if !well_formed {
            let pattern = r"^arn:.+:application-autoscaling:.+:[0-9]+:scalable-target\/[a-zA-Z0-9-]+$";
            let constraint = format!("Member must satisfy regular expression pattern: {pattern}");
            return Err(Fault::constraint(format_args!("'{arn}'"), "ResourceARN", constraint));
        }
        self.targets.values_mut().find(|target| target.arn == arn).ok_or_else(|| Fault {
            resource_name: Some(arn.to_owned()),
            // Assumed (belief error-texts): the text.
            ..Fault::new("ResourceNotFoundException", format!("No scalable target found for ARN: {arn}"))
        })
    }
}

/// Reads the tags of an input; none if they are omitted.
pub(crate) fn read_tags(input: Input<'_>) -> Result<BTreeMap<String, String>, Fault> {
    let Some(given) = input.object("Tags")? else { return Ok(BTreeMap::new()) };
    let mut tags = BTreeMap::new();
    for key in given.0.keys() {
        let value = given.text(key)?;
        if !(1..=128).contains(&key.chars().count()) || value.chars().count() > 256 {
            let constraint = "Map keys must have length between 1 and 128, map values between 0 and 256";
            return Err(Fault::constraint(format_args!("'{{{key}={value}}}'"), "Tags", constraint));
        }
        // Assumed (beliefs reserved-tags, error-texts): the text, and that the case of the prefix is ignored.
        if key.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("aws:")) {
            return Err(Fault::validation(format!("The tag key {key} begins with aws:, which AWS reserves")));
        }
        tags.insert(key.clone(), value.to_owned());
    }
    Ok(tags)
}

/// The maximum number of tags of a target.
pub(crate) const MAX_TAGS: usize = 50;

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value};

    use super::*;
    use crate::testing::{register, scaling, with_endpoint};

    fn tagged() -> (LocalAws, String) {
        let mut aws = with_endpoint();
        let arn = register(&mut aws, json!({ "MinCapacity": 1, "MaxCapacity": 8, "Tags": { "a": "1", "b": "2" } }));
        (aws, arn)
    }

    fn tags(count: usize) -> Value {
        (0..count).map(|n| (format!("key-{n}"), json!(""))).collect::<Map<_, _>>().into()
    }

    #[test]
    fn tags_are_added_replaced_removed_and_listed() {
        let (mut aws, arn) = tagged();
        scaling(&mut aws, "TagResource", json!({ "ResourceARN": arn, "Tags": { "b": "3", "c": "4" } })).expect("tags");
        scaling(&mut aws, "UntagResource", json!({ "ResourceARN": arn, "TagKeys": ["a", "x"] })).expect("untags");
        let listed = scaling(&mut aws, "ListTagsForResource", json!({ "ResourceARN": arn })).expect("lists");
        assert_eq!(listed, json!({ "Tags": { "b": "3", "c": "4" } }));
    }

    #[test]
    fn an_unknown_arn_is_resource_not_found_with_the_arn() {
        let (mut aws, arn) = tagged();
        scaling(&mut aws, "DeregisterScalableTarget", json!({})).expect("it is registered");
        let fault = scaling(&mut aws, "ListTagsForResource", json!({ "ResourceARN": arn })).unwrap_err();
        assert_eq!(fault.code, "ResourceNotFoundException");
        assert_eq!(fault.body()["ResourceName"], json!(arn));
    }

    #[test]
    fn a_text_that_is_not_the_arn_of_a_target_is_rejected() {
        for arn in ["endpoint/Prod/variant/blue", "arn:aws:sagemaker:us-east-1:111122223333:endpoint/prod"] {
            let fault =
                scaling(&mut with_endpoint(), "ListTagsForResource", json!({ "ResourceARN": arn })).unwrap_err();
            assert_eq!(fault.code, "ValidationException");
        }
    }

    #[test]
    fn a_target_can_have_fifty_tags() {
        let (mut aws, arn) = tagged();
        let fault = scaling(&mut aws, "TagResource", json!({ "ResourceARN": arn, "Tags": tags(49) })).unwrap_err();
        assert_eq!(fault.code, "TooManyTagsException");
        scaling(&mut aws, "TagResource", json!({ "ResourceARN": arn, "Tags": tags(48) })).expect("fifty");

        let input = json!({ "MinCapacity": 1, "MaxCapacity": 8, "Tags": tags(51) });
        let fault = scaling(&mut with_endpoint(), "RegisterScalableTarget", input).unwrap_err();
        assert_eq!(fault.code, "ValidationException");
    }

    #[test]
    fn reserved_and_oversized_tags_are_rejected() {
        let (mut aws, arn) = tagged();
        for tags in [
            json!({ "aws:cloudformation:stack-id": "s" }),
            json!({ "k".repeat(129): "" }),
            json!({ "k": "v".repeat(257) }),
            json!({ "": "" }),
        ] {
            let fault = scaling(&mut aws, "TagResource", json!({ "ResourceARN": arn, "Tags": tags })).unwrap_err();
            assert_eq!(fault.code, "ValidationException");
        }
    }
}
