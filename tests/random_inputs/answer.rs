//! Answers of arbitrary parts.

use std::cell::Cell;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;
use test_support::function::Envelope;

use crate::checks::{Parts, decoded};
use crate::support::{for_any, long_text, text};

/// A response URL, mostly with a secret in its query, and sometimes a text that is no URL.
fn url() -> impl Strategy<Value = String> {
    let value = prop_oneof![3 => "[a-zA-Z0-9/+._~-]{0,70}", 1 => "([a-zA-Z0-9]{0,9}%([0-9a-fA-F]{2}|[+%a-z])?){0,7}"];
    let pairs = vec((select(PARAMETERS), value), 0..5);
    let presigned = pairs.prop_map(|pairs| {
        let pairs: Vec<_> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        format!("https://bucket.s3.amazonaws.com/path%7C1?{}", pairs.join("&"))
    });
    prop_oneof![8 => presigned, 1 => "https?://(localhost|h|\\[::1\\])(:[0-9]{1,4})?[!-~]{0,30}", 1 => text()]
}

/// A reason that quotes the URL, its query, or a part of it, raw or decoded, and credentials of AWS.
fn reason_that_quotes(url: String) -> impl Strategy<Value = (String, String)> {
    let part_of = |text: &str| {
        let chars: Vec<char> = text.chars().collect();
        (0..=chars.len(), 0..=chars.len())
            .prop_map(move |(one, other)| String::from_iter(&chars[one.min(other)..one.max(other)]))
    };
    let piece = prop_oneof![
        3 => text(),
        1 => Just("{url}".to_owned()),
        1 => Just("{query}".to_owned()),
        2 => part_of(&url),
        2 => part_of(&decoded(&url)),
        1 => credential(),
    ];
    (Just(url), vec(piece, 0..6).prop_map(|pieces| pieces.concat()))
}

/// A credential, or a text that looks like one.
fn credential() -> impl Strategy<Value = String> {
    let names = "((Credential|[Ss]ignature|[Ss]ecurity-?[Tt]oken|Session-?Token|SecretAccessKey)[\"'\\\\ ]{0,2}){1,2}";
    (names, "(=|:|%3[dD]|,| ){0,2}", "[\"'\\\\ ]{0,2}", "[ -~é]{0,9}")
        .prop_map(|(names, separator, quotes, value)| [names, separator, quotes, value].concat())
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
fn any_answer_fits_copies_its_ids_and_contains_no_secret() {
    let answered = Cell::new(0);
    for_any(parts(), |parts| answered.set(answered.get() + u32::from(parts.check())));
    println!("{} answered", answered.get());
    assert!(answered.get() > 40, "only {} of these parts make an answer", answered.get());
}

#[test]
fn redaction_removes_the_secrets_and_nothing_else() {
    let prose = "[a-z.,:é ]{0,12}( 20261123T101500Z)? ";
    // Each secret, and its redaction. "{1}", "{2}" and "{3}" are values of the URL.
    let secrets = &[
        ("{url}", "[response URL]"),
        ("{query}", "[response URL]"),
        ("{1}", "[response URL]"),
        ("{2}", "[response URL]"),
        ("{2 decoded}", "[response URL]"),
        ("{3}", "[response URL]"),
        ("{3 cut}", "[response URL]"),
        ("Credential=A%2F1, Signature=0a", "Credential=[secret], Signature=[secret]"),
        ("'x-amz-security-token:IQo+/='", "'x-amz-security-token:[secret]'"),
        (r#""SessionToken\": \"IQo","#, r#""SessionToken\": \"[secret]","#),
    ][..];
    let values = ("A[A-Z0-9]{7,20}", "I[a-zA-Z0-9]{3,9}%2[Ff]([a-z0-9]{3,9}%3D){1,2}", "[0-9a-f]{9,64}");
    for_any((values, vec((prose, select(secrets)), 0..8)), |(values, pieces)| {
        let (credential, token, signature) = values;
        let query = format!(
            "X-Amz-Date=20261123T101500Z&X-Amz-Credential={credential}&X-Amz-Security-Token={token}&\
             X-Amz-Signature={signature}"
        );
        let url = format!("https://bucket.s3.amazonaws.com/path%7C1?{query}");
        let payload = json!({"ResponseURL": url}).to_string();
        let reply_to = Envelope::open(&payload).unwrap().reply_to;
        let text: String = pieces.iter().map(|(prose, (secret, _))| format!("{prose} {secret} ")).collect();
        let text = [("{url}", &*url), ("{query}", &query), ("{1}", &credential), ("{2}", &token), ("{3}", &signature)]
            .into_iter()
            .fold(text, |text, (name, secret)| text.replace(name, secret))
            .replace("{2 decoded}", &decoded(&token))
            .replace("{3 cut}", &signature[..8]);
        let expected: String = pieces.iter().map(|(prose, (_, instead))| format!("{prose} {instead} ")).collect();
        assert_eq!(reply_to.url.redact(&text), expected);
    });
}

#[test]
fn a_reason_is_cut_where_one_more_character_would_not_fit() {
    let reason = vec(prop_oneof![any::<char>().prop_map(String::from), long_text()], 1..40);
    for_any(reason, |pieces| {
        let reason = pieces.concat();
        let url = "https://host/path?X-Amz-Signature=0123456789".into();
        assert!(Parts { url, reason, ..Parts::default() }.check(), "these parts make an answer");
    });
}

#[test]
fn a_success_omits_an_attribute_only_if_it_does_not_fit() {
    // The other fields take about 160 bytes.
    for_any((3_900_usize..4_000, vec(text(), 0..3)), |(length, mut data)| {
        data.push("a".repeat(length));
        assert!(
            Parts { url: "https://host/path".into(), data, ..Parts::default() }.check(),
            "these parts make an answer"
        );
    });
}

#[test]
fn an_answer_of_any_bytes_fits_the_size_limit() {
    let id = || vec(0_u8..255, 0..20).prop_map(|text| [&[1], &*text].concat());
    for_any((id(), id(), id(), vec(any::<u8>(), 0..2_000)), |(stack, request, logical, rest)| {
        let url = b"\x01https://host/path?X-Amz-Signature=0123456789";
        let bytes = [url, &*stack, &*request, &*logical, &*rest].join(&255);
        assert!(Parts::read(&bytes).check(), "these parts make an answer");
    });
}

const PARAMETERS: &[&str] =
    &["X-Amz-Signature", "X-Amz-Credential", "X-Amz-Security-Token", "X-Amz-Date", "X-Amz-Expires", "x", ""];
