//! The owner of a scalable target: the stack and resource that its tags name.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The prefix of the tags that this function reserves.
pub const TAG_PREFIX: &str = "sagemaker-scaling:";
/// The tags that name the owner, and the tag that marks an adopted target.
pub const OWNER_TAGS: [&str; 3] = [STACK_ID_TAG, LOGICAL_ID_TAG, ADOPTED_TAG];

/// Remembers which tags came from the stack: see `PropagateStackTags`.
pub const STACK_TAGS_TAG: &str = "sagemaker-scaling:stack-tags";
/// Holds what the owner declared: see [`Declaration`](super::Declaration).
pub const DECLARED_TAG: &str = "sagemaker-scaling:declared";
/// The tags that name the former owner of a target that was taken over: see `TakeOverFrom`.
pub const FORMER_OWNER_TAGS: [&str; 2] = [FORMER_STACK_ID_TAG, FORMER_LOGICAL_ID_TAG];
/// The tags that a target loses when it is handed back. The declaration is one of them: it is that of the other owner.
pub const HANDED_BACK_TAGS: [&str; 3] = [DECLARED_TAG, FORMER_STACK_ID_TAG, FORMER_LOGICAL_ID_TAG];
/// The tags that an adopted target loses when it is released.
pub const RELEASED_TAGS: [&str; 7] = [
    STACK_ID_TAG,
    LOGICAL_ID_TAG,
    ADOPTED_TAG,
    STACK_TAGS_TAG,
    DECLARED_TAG,
    FORMER_STACK_ID_TAG,
    FORMER_LOGICAL_ID_TAG,
];

/// Removes [`RELEASED_TAGS`].
pub fn release(tags: &mut Tags) {
    tags.retain(|key, _| !RELEASED_TAGS.contains(&key.as_str()));
}

/// Makes the former owner the owner again.
pub fn hand_back(tags: &mut Tags, former: &Owner) {
    tags.retain(|key, _| !HANDED_BACK_TAGS.contains(&key.as_str()));
    tags.extend(former.tags());
}

/// Completes, in tags, a hand-back after which the function was killed: both pairs of tags name the former owner, because the
/// target was tagged and not untagged.
pub fn complete_hand_back(tags: &mut Tags) {
    if let Some(owner) = Owner::read(tags).filter(|owner| Owner::read_former(tags).as_ref() == Some(owner)) {
        hand_back(tags, &owner);
    }
}

/// Marks a target that is being restored, until its policies and scheduled actions are complete.
pub const RESTORING_TAG: &str = "sagemaker-scaling:restoring";

/// How many tags a resource may have:
/// <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_TagResource.html>.
pub const MAX_TAGS: usize = 50;

const STACK_ID_TAG: &str = "sagemaker-scaling:stack-id";
const LOGICAL_ID_TAG: &str = "sagemaker-scaling:logical-id";
const ADOPTED_TAG: &str = "sagemaker-scaling:adopted";
const FORMER_STACK_ID_TAG: &str = "sagemaker-scaling:former-stack-id";
const FORMER_LOGICAL_ID_TAG: &str = "sagemaker-scaling:former-logical-id";

/// The tags of a scalable target.
pub type Tags = BTreeMap<String, String>;

/// One resource of one stack.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Owner {
    /// The ARN of the stack.
    pub stack_id: String,
    /// The resource's name in the template.
    pub logical_resource_id: String,
}

impl Owner {
    /// The tags of a target that this owner registered.
    pub fn tags(&self) -> Tags {
        Tags::from([
            (STACK_ID_TAG.to_owned(), self.stack_id.clone()),
            (LOGICAL_ID_TAG.to_owned(), self.logical_resource_id.clone()),
        ])
    }

    /// The owner that tags name.
    pub fn read(tags: &Tags) -> Option<Self> {
        let tag = |name| tags.get(name).cloned();
        Some(Self { stack_id: tag(STACK_ID_TAG)?, logical_resource_id: tag(LOGICAL_ID_TAG)? })
    }

    /// The former owner that tags name: the target was taken over from it.
    pub fn read_former(tags: &Tags) -> Option<Self> {
        let tag = |name| tags.get(name).cloned();
        Some(Self { stack_id: tag(FORMER_STACK_ID_TAG)?, logical_resource_id: tag(FORMER_LOGICAL_ID_TAG)? })
    }

    /// The tags to put on a target that this owner takes over from a former one.
    pub fn tags_after(&self, former: &Self) -> Tags {
        let mut tags = self.tags();
        tags.insert(FORMER_STACK_ID_TAG.to_owned(), former.stack_id.clone());
        tags.insert(FORMER_LOGICAL_ID_TAG.to_owned(), former.logical_resource_id.clone());
        tags
    }

    /// The tags of a target that this owner adopted.
    pub fn adoption_tags(&self) -> Tags {
        let mut tags = self.tags();
        tags.insert(ADOPTED_TAG.to_owned(), "true".to_owned());
        tags
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "resource {} of stack {}", self.logical_resource_id, self.stack_id)
    }
}

/// A registered target.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Registered {
    /// Its ARN, by which it is tagged. A new registration has a new ARN.
    pub arn: String,
    /// All its tags.
    pub tags: Tags,
}

impl Registered {
    /// Whether it is being restored, and not complete yet.
    pub fn is_restoring(&self) -> bool {
        self.tags.contains_key(RESTORING_TAG)
    }
}

/// The ownership of a registered target, from the point of view of one resource.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Ownership {
    /// Another stack, or another resource of the same stack.
    Other(Owner),
    /// This resource.
    Own {
        /// Whether this resource adopted it.
        adopted: bool,
    },
    /// No resource of this function. It was registered by hand or by a native resource.
    Untagged,
}

impl Ownership {
    /// Reads the ownership from a target's tags.
    ///
    /// Tags that name only half of an owner belong to another one: this function writes them together.
    pub fn read(owner: &Owner, tags: &Tags) -> Self {
        if !OWNER_TAGS.iter().any(|tag| tags.contains_key(*tag)) {
            return Self::Untagged;
        }
        let tag = |name| tags.get(name).cloned().unwrap_or_else(|| "(unknown)".to_owned());
        let found = Owner { stack_id: tag(STACK_ID_TAG), logical_resource_id: tag(LOGICAL_ID_TAG) };
        if found == *owner { Self::Own { adopted: tags.contains_key(ADOPTED_TAG) } } else { Self::Other(found) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner() -> Owner {
        Owner {
            stack_id: "arn:aws:cloudformation:us-east-1:111122223333:stack/demo/1".into(),
            logical_resource_id: "Scaling".into(),
        }
    }

    #[test]
    fn a_target_with_the_tags_of_an_owner_is_its_own() {
        assert_eq!(Ownership::read(&owner(), &owner().tags()), Ownership::Own { adopted: false });
        assert_eq!(Ownership::read(&owner(), &owner().adoption_tags()), Ownership::Own { adopted: true });
    }

    #[test]
    fn another_logical_id_and_another_stack_are_others() {
        let renamed = Owner { logical_resource_id: "Scaling2".into(), ..owner() };
        let elsewhere = Owner { stack_id: "arn:aws:cloudformation:us-east-1:111122223333:stack/x/2".into(), ..owner() };
        for other in [renamed, elsewhere] {
            assert_eq!(Ownership::read(&owner(), &other.tags()), Ownership::Other(other));
        }
    }

    #[test]
    fn half_of_an_owners_tags_belong_to_another_owner() {
        for tag in OWNER_TAGS {
            let mut tags = owner().adoption_tags();
            tags.retain(|name, _| name == tag);
            assert!(matches!(Ownership::read(&owner(), &tags), Ownership::Other(_)), "{tag}");
        }
    }

    #[test]
    fn a_target_with_other_tags_only_is_untagged() {
        let tags = Tags::from([("team".to_owned(), "ml".to_owned())]);
        assert_eq!(Ownership::read(&owner(), &tags), Ownership::Untagged);
    }
}
