//! `Tags`: the author's, beside the owner's.
//!
//! <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_TagResource.html>

use crate::owner::{MAX_TAGS, OWNER_TAGS, TAG_PREFIX, Tags};
use crate::reader::{Section, text};

pub(super) fn tags(section: &Section<'_>) -> Tags {
    let mut tags = Tags::new();
    for tag in section.sections("Tags", "Key and Value", MAX_TAGS - OWNER_TAGS.len()) {
        tag.allow_only(&["Key", "Value"], &[]);
        let key = tag.required("Key", |value| tag_key(text(value)?));
        let value = tag.required("Value", |value| {
            let text = text(value)?;
            if text.chars().count() > 256 { Err("at most 256 characters".to_owned()) } else { Ok(text) }
        });
        if let (Some(key), Some(value)) = (key, value)
            && tags.insert(key.to_owned(), value.to_owned()).is_some()
        {
            tag.note("Key", format_args!("the key {key} is there twice"));
        }
    }
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
