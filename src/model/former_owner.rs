//! `TakeOverFrom`: the resource that owns a target until another resource takes it over.

use std::str::FromStr;

use super::owner::Owner;

/// A resource as an author names it: `LogicalId` in the same stack, or `STACK/LogicalId`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FormerOwner {
    stack: Stack,
    logical_resource_id: String,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Stack {
    /// The stack of the resource that takes over.
    Same,
    /// A stack in the account and Region of the new owner, by name.
    Named(String),
    /// Any stack, by its ARN.
    Id(String),
}

impl FormerOwner {
    /// Whether this names an owner. `new` is the one that takes over.
    pub fn is(&self, owner: &Owner, new: &Owner) -> bool {
        let is_in_stack = match &self.stack {
            Stack::Same => owner.stack_id == new.stack_id,
            Stack::Id(id) => owner.stack_id == *id,
            Stack::Named(name) => match (owner.stack_id.split_once(":stack/"), new.stack_id.split_once(":stack/")) {
                (Some((place, stack)), Some((own_place, _))) => {
                    place == own_place && stack.split('/').next() == Some(name)
                }
                _ => false,
            },
        };
        is_in_stack && owner.logical_resource_id == self.logical_resource_id
    }
}

impl FromStr for FormerOwner {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (stack, logical_id) = match text.rsplit_once('/') {
            None => (Stack::Same, text),
            Some((id, logical_id)) if is_stack_id(id) => (Stack::Id(id.to_owned()), logical_id),
            Some((name, logical_id)) if is_stack_name(name) => (Stack::Named(name.to_owned()), logical_id),
            Some(_) => return Err(EXPECTED.to_owned()),
        };
        if logical_id.is_empty() || !logical_id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(EXPECTED.to_owned());
        }
        Ok(Self { stack, logical_resource_id: logical_id.to_owned() })
    }
}

/// Such as `arn:aws:cloudformation:us-east-1:111122223333:stack/NAME/UUID`:
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/pseudo-parameter-reference.html>.
fn is_stack_id(text: &str) -> bool {
    let Some((place, stack)) = text.split_once(":stack/") else { return false };
    let is_place = place.starts_with("arn:") && place.contains(":cloudformation:") && !place.contains('/');
    let is_stack = |(name, uuid): (&str, &str)| is_stack_name(name) && !uuid.is_empty() && !uuid.contains('/');
    is_place && stack.split_once('/').is_some_and(is_stack)
}

/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html>
fn is_stack_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

const EXPECTED: &str = "the logical id of a resource of this stack, or STACK_NAME/LOGICAL_ID or STACK_ARN/LOGICAL_ID";

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: &str = "arn:aws:cloudformation:us-east-1:111122223333:stack/";

    fn owner(stack: &str, logical_id: &str) -> Owner {
        Owner { stack_id: format!("{PLACE}{stack}"), logical_resource_id: logical_id.to_owned() }
    }

    fn is(text: &str, of: &Owner) -> bool {
        text.parse::<FormerOwner>().unwrap().is(of, &owner("demo/1", "New"))
    }

    #[test]
    fn a_logical_id_alone_is_a_resource_of_the_same_stack() {
        assert!(is("Old", &owner("demo/1", "Old")));
        // Another resource, another stack, and another stack of the same name.
        for other in [owner("demo/1", "Older"), owner("other/1", "Old"), owner("demo/2", "Old")] {
            assert!(!is("Old", &other), "{other}");
        }
    }

    #[test]
    fn a_stack_is_named_by_its_name_or_its_arn() {
        let of_other = owner("other/2", "Old");
        assert!(is("other/Old", &of_other));
        assert!(is(&format!("{PLACE}other/2/Old"), &of_other));
        assert!(!is("othe/Old", &of_other) && !is("Other/Old", &of_other) && !is("other/Older", &of_other));
        assert!(!is(&format!("{PLACE}other/1/Old"), &of_other));
        let elsewhere = Owner { stack_id: of_other.stack_id.replace("us-east-1", "eu-west-1"), ..of_other };
        assert!(!is("other/Old", &elsewhere), "a name is one of the same Region");
        assert!(is(&format!("{}/Old", elsewhere.stack_id), &elsewhere));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "/Old",
            "other/",
            "Old Name",
            "Old-1",
            "1stack/Old",
            "a/b/Old",
            "arn:aws:cloudformation:x:1:stack/a/Old",
            "arn:aws:s3:::stack/a/1/Old",
            "Old\n",
        ] {
            assert!(text.parse::<FormerOwner>().is_err(), "{text:?}");
        }
        for stack in ["1stack/1", "demo/", "demo/1/2"] {
            assert!(format!("{PLACE}{stack}/Old").parse::<FormerOwner>().is_err(), "{stack}");
        }
    }
}
