//! Who registered a scalable target: two tags on it, and a third where it was adopted.

use std::collections::BTreeMap;
use std::fmt;

/// Begins every tag that this function keeps for itself.
pub const TAG_PREFIX: &str = "sagemaker-scaling:";
/// The tags by which an owner is known, and the one that marks an adopted target.
pub const OWNER_TAGS: [&str; 3] = [STACK_ID_TAG, LOGICAL_ID_TAG, ADOPTED_TAG];

/// Marks a target that is being brought back, until all that belongs to it is there.
pub const RETURNING_TAG: &str = "sagemaker-scaling:returning";

/// The service's limit for a resource.
pub const MAX_TAGS: usize = 50;

const STACK_ID_TAG: &str = "sagemaker-scaling:stack-id";
const LOGICAL_ID_TAG: &str = "sagemaker-scaling:logical-id";
const ADOPTED_TAG: &str = "sagemaker-scaling:adopted";

/// Tags as Application Auto Scaling keeps them on a scalable target.
pub type Tags = BTreeMap<String, String>;

/// One resource of one stack.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Owner {
    /// The ARN of the stack.
    pub stack_id: String,
    /// The resource's name in the template.
    pub logical_resource_id: String,
}

impl Owner {
    /// The tags that say this owner registered the target.
    pub fn tags(&self) -> Tags {
        Tags::from([
            (STACK_ID_TAG.to_owned(), self.stack_id.clone()),
            (LOGICAL_ID_TAG.to_owned(), self.logical_resource_id.clone()),
        ])
    }

    /// The tags that say this owner took over a target that somebody else registered.
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

/// Who holds a registered target, as one owner sees it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Holder {
    /// Another stack, or another resource of the same stack.
    Other(Owner),
    /// It was registered by hand or by a native resource: it has none of our tags.
    Untagged,
    /// The owner who looks; `adopted` if it was somebody else's before.
    Us {
        /// Whether it was taken over from somebody who left no tags.
        adopted: bool,
    },
}

impl Holder {
    /// Reads the holder from a registered target's tags.
    ///
    /// Tags that name only half of an owner are somebody else's: nobody but us writes them, and we write them whole.
    pub fn read(us: &Owner, tags: &Tags) -> Self {
        if !OWNER_TAGS.iter().any(|tag| tags.contains_key(*tag)) {
            return Self::Untagged;
        }
        let tag = |name| tags.get(name).cloned().unwrap_or_else(|| "(unknown)".to_owned());
        let found = Owner { stack_id: tag(STACK_ID_TAG), logical_resource_id: tag(LOGICAL_ID_TAG) };
        if found == *us { Self::Us { adopted: tags.contains_key(ADOPTED_TAG) } } else { Self::Other(found) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn us() -> Owner {
        Owner {
            stack_id: "arn:aws:cloudformation:us-east-1:111122223333:stack/demo/1".into(),
            logical_resource_id: "Scaling".into(),
        }
    }

    #[test]
    fn what_we_tag_is_ours() {
        assert_eq!(Holder::read(&us(), &us().tags()), Holder::Us { adopted: false });
        assert_eq!(Holder::read(&us(), &us().adoption_tags()), Holder::Us { adopted: true });
    }

    #[test]
    fn another_logical_id_and_another_stack_are_others() {
        let renamed = Owner { logical_resource_id: "Scaling2".into(), ..us() };
        let elsewhere = Owner { stack_id: "arn:aws:cloudformation:us-east-1:111122223333:stack/x/2".into(), ..us() };
        for other in [renamed, elsewhere] {
            assert_eq!(Holder::read(&us(), &other.tags()), Holder::Other(other));
        }
    }

    #[test]
    fn half_an_owner_is_not_us_and_not_nobody() {
        for tag in OWNER_TAGS {
            let mut tags = us().adoption_tags();
            tags.retain(|name, _| name == tag);
            assert!(matches!(Holder::read(&us(), &tags), Holder::Other(_)), "{tag}");
        }
    }

    #[test]
    fn foreign_tags_are_nobodys_claim() {
        let tags = Tags::from([("team".to_owned(), "ml".to_owned())]);
        assert_eq!(Holder::read(&us(), &tags), Holder::Untagged);
    }
}
