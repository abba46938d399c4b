//! Answers of anything.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::checks::Parts;
use crate::support::{for_any, long_text, text};

/// A response URL, often with something secret in its query, and now and then none.
fn url() -> impl Strategy<Value = String> {
    let value = "[a-zA-Z0-9%/+._~-]{0,70}";
    let presigned = vec(("(X-Amz-Signature|X-Amz-Credential|x|)", value), 0..5).prop_map(|pairs| {
        let pairs: Vec<_> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        format!("https://bucket.s3.amazonaws.com/path%7C1?{}", pairs.join("&"))
    });
    prop_oneof![8 => presigned, 1 => "https?://(localhost|h|\\[::1\\])(:[0-9]{1,4})?[!-~]{0,30}", 1 => text()]
}

/// A reason that quotes the URL, whole, its query, or a part of it.
fn reason_that_quotes(url: String) -> impl Strategy<Value = (String, String)> {
    let chars: Vec<char> = url.chars().collect();
    let part = (0..=chars.len(), 0..=chars.len())
        .prop_map(move |(one, other)| String::from_iter(&chars[one.min(other)..one.max(other)]));
    let piece = prop_oneof![text(), Just("{url}".to_owned()), Just("{query}".to_owned()), part];
    (Just(url), vec(piece, 0..6).prop_map(|pieces| pieces.concat()))
}

fn parts() -> impl Strategy<Value = Parts> {
    let ids = (text(), text(), text(), prop_oneof![text(), long_text()]);
    let data = vec(prop_oneof![text(), long_text()], 0..9);
    (url().prop_flat_map(reason_that_quotes), ids, data).prop_map(|((url, reason), ids, data)| {
        let (stack_id, request_id, logical_resource_id, given_id) = ids;
        Parts { url, stack_id, request_id, logical_resource_id, given_id, reason, data }
    })
}

#[test]
fn an_answer_of_any_parts_fits_copies_its_ids_and_tells_no_secret() {
    for_any(parts(), |parts| {
        parts.check();
    });
}

#[test]
fn a_reason_is_cut_where_not_one_character_more_would_fit() {
    let reason = vec(prop_oneof![any::<char>().prop_map(String::from), long_text()], 1..40);
    for_any(reason, |pieces| {
        let reason = pieces.concat();
        let url = "https://host/path?X-Amz-Signature=0123456789".into();
        assert!(Parts { url, reason, ..Parts::default() }.check(), "nobody is answered");
    });
}

#[test]
fn a_success_leaves_an_attribute_out_only_where_it_does_not_fit() {
    // The other fields take some 160 bytes.
    for_any((3_900_usize..4_000, vec(text(), 0..3)), |(length, mut data)| {
        data.push("a".repeat(length));
        assert!(Parts { url: "https://host/path".into(), data, ..Parts::default() }.check(), "nobody is answered");
    });
}

#[test]
fn an_answer_of_any_bytes_fits() {
    for_any(vec(any::<u8>(), 0..2_000), |bytes| {
        Parts::read(&bytes).check();
    });
}
