//! The tags of a stack that a target gets with `PropagateStackTags`, and how the function recognizes them later.
//!
//! A tag that leaves the stack has to leave the target, and CloudFormation sends no former tags of a stack. So one more tag
//! remembers the keys. A value has room for 256 characters and a key has up to 128, so it holds a digest of each key.

use std::collections::BTreeMap;

use super::digest::digest;
use super::owner::{MAX_TAGS, OWNER_TAGS, STACK_TAGS_TAG, TAG_PREFIX, Tags};
use super::refusal::Refusal;

/// The author's tags with those of the stack. The author's win.
///
/// Tags that begin with `aws:` are AWS's own and cannot be put on a resource.
/// <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_TagResource.html>
pub fn with_stack_tags(authors: &Tags, stack: Tags) -> Result<Tags, Refusal> {
    let has_prefix = |key: &str, prefix: &str| key.to_ascii_lowercase().starts_with(prefix);
    let copied: BTreeMap<_, _> =
        stack.into_iter().filter(|(key, _)| !has_prefix(key, "aws:") && !authors.contains_key(key)).collect();
    if let Some(key) = copied.keys().find(|key| has_prefix(key, TAG_PREFIX)) {
        return Err(Refusal::ReservedStackTag(key.clone()));
    }
    let (found, most) = (authors.len() + copied.len(), MAX_TAGS - OWNER_TAGS.len() - usize::from(!copied.is_empty()));
    if found > most {
        return Err(Refusal::TooManyTags { found, most });
    }
    let mut tags = authors.clone();
    if !copied.is_empty() {
        tags.insert(STACK_TAGS_TAG.to_owned(), copied.keys().map(|key| digest(key, DIGEST_LEN)).collect());
    }
    tags.extend(copied);
    Ok(tags)
}

/// The keys of a target's tags that came from its stack, and of the tag that remembers them.
pub fn keys_from_stack(tags: &Tags) -> impl Iterator<Item = &String> {
    let remembered = tags.get(STACK_TAGS_TAG).map(String::as_str).unwrap_or_default();
    tags.keys().filter(move |key| {
        let digest = digest(key, DIGEST_LEN);
        key.as_str() == STACK_TAGS_TAG
            || remembered.as_bytes().chunks(DIGEST_LEN).any(|remembered| remembered == digest.as_bytes())
    })
}

/// Two of a target's fifty keys share these thirty bits once in a million targets.
const DIGEST_LEN: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(pairs: &[(&str, &str)]) -> Tags {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn numbered(count: usize) -> Tags {
        (0..count).map(|number| (format!("{number}{}", "k".repeat(126)), "v".to_owned())).collect()
    }

    #[test]
    fn the_authors_tags_win_and_tags_of_aws_are_not_copied() {
        let stack = tags(&[("team", "platform"), ("cost", "7"), ("aws:x", "1"), ("AWS:y", "2")]);
        let all = with_stack_tags(&tags(&[("team", "ml")]), stack).unwrap();
        let copied: Vec<_> = keys_from_stack(&all).cloned().collect();
        assert_eq!(copied, ["cost", STACK_TAGS_TAG]);
        assert_eq!((all["team"].as_str(), all["cost"].as_str(), all.len()), ("ml", "7", 3));
    }

    #[test]
    fn without_tags_of_the_stack_nothing_is_remembered() {
        let authors = tags(&[("team", "ml")]);
        for stack in [Tags::new(), authors.clone()] {
            assert_eq!(with_stack_tags(&authors, stack), Ok(authors.clone()));
        }
        assert_eq!(keys_from_stack(&authors).next(), None);
    }

    #[test]
    fn all_tags_together_leave_room_for_the_functions_own() {
        assert!(with_stack_tags(&tags(&[("a", "1")]), numbered(45)).is_ok());
        let refused = with_stack_tags(&tags(&[("a", "1")]), numbered(46));
        assert_eq!(refused, Err(Refusal::TooManyTags { found: 47, most: 46 }));
        let all = with_stack_tags(&Tags::new(), numbered(46)).unwrap();
        assert!(all[STACK_TAGS_TAG].len() <= 256, "{}", all[STACK_TAGS_TAG]);
        assert_eq!(keys_from_stack(&all).count(), 47);
    }

    #[test]
    fn a_stacks_tag_cannot_name_an_owner() {
        for key in ["sagemaker-scaling:stack-id", "SageMaker-Scaling:x"] {
            let refused = with_stack_tags(&Tags::new(), tags(&[(key, "stack/other")]));
            assert_eq!(refused, Err(Refusal::ReservedStackTag(key.to_owned())));
        }
    }

    #[test]
    fn keys_are_remembered_in_a_form_that_later_versions_read() {
        assert_eq!(digest("team", DIGEST_LEN), "QSKIx");
        let other = tags(&[("tean", "x"), ("", "y")]);
        let all = with_stack_tags(&Tags::new(), tags(&[("team", "ml")])).unwrap();
        assert_eq!(
            keys_from_stack(&all.into_iter().chain(other).collect()).collect::<Vec<_>>(),
            [STACK_TAGS_TAG, "team"]
        );
    }
}
