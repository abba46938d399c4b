//! `Tags`: the author's tags.
//!
//! <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_TagResource.html>

use super::reader::{Section, text};
use crate::model::{MAX_TAGS, OWNER_TAGS, TAG_PREFIX, Tags};

/// Reads the tags. They leave room for the owner's tags.
pub(super) fn tags(section: &Section<'_>) -> Tags {
    let mut tags = Tags::new();
    section.sections("Tags", "Key and Value", MAX_TAGS - OWNER_TAGS.len(), |tag| {
        let key = tag.required("Key", |value| tag_key(text(value)?));
        let value = tag.required("Value", |value| {
            let text = text(value)?;
            if text.chars().count() > 256 { Err("at most 256 characters".to_owned()) } else { Ok(text) }
        });
        let (key, value) = key.zip(value)?;
        if tags.insert(key.to_owned(), value.to_owned()).is_some() {
            tag.note("Key", format_args!("the key {key} appears twice"));
        }
        Some(())
    });
    tags
}

fn tag_key(key: &str) -> Result<&str, String> {
    let lower = key.to_ascii_lowercase();
    if key.is_empty() || key.chars().count() > 128 {
        Err("1 to 128 characters".to_owned())
    } else if lower.starts_with("aws:") || lower.starts_with(TAG_PREFIX) {
        Err(format!("a key that begins with neither aws: nor {TAG_PREFIX}, which are reserved"))
    } else {
        Ok(key)
    }
}
