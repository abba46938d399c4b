//! The response URL: a bearer secret that is never printed.

use std::fmt;
use std::time::SystemTime;

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use http::Uri;
use thiserror::Error;

use crate::observability::redact_credentials;

/// A presigned URL. Anyone who has it can answer the request.
#[derive(Clone, Eq, PartialEq)]
pub struct ResponseUrl(Uri);

/// Why a text is not a usable response URL.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum InvalidResponseUrl {
    /// It is not a URL.
    #[error("ResponseURL is not a URL")]
    NotAUrl,
    /// Its scheme is not allowed.
    #[error("ResponseURL is neither https nor http to a loopback host")]
    Scheme,
}

impl ResponseUrl {
    /// Reads a URL with `https`, or with `http` to a loopback host for local runs.
    pub(crate) fn read(text: &str) -> Result<Self, InvalidResponseUrl> {
        let uri: Uri = text.parse().map_err(|_| InvalidResponseUrl::NotAUrl)?;
        let host = uri.host().ok_or(InvalidResponseUrl::NotAUrl)?;
        match uri.scheme_str() {
            Some("https") => Ok(Self(uri)),
            Some("http") if is_loopback(host) => Ok(Self(uri)),
            _ => Err(InvalidResponseUrl::Scheme),
        }
    }

    /// The URL, for the request line only. Path and query are unchanged.
    pub(crate) fn secret(&self) -> &Uri {
        &self.0
    }

    /// When CloudFormation signed the URL, and so sent the request, to the second: `X-Amz-Date` of
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>.
    pub fn signed_at(&self) -> Option<SystemTime> {
        let date = self.0.query()?.split('&').find_map(|pair| pair.strip_prefix("X-Amz-Date="))?;
        let part = |range| date.get(range).unwrap_or_default();
        let [year, month, day, hour, minute, second] =
            [part(0..4), part(4..6), part(6..8), part(9..11), part(11..13), part(13..15)];
        let spelt = format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z");
        DateTime::from_str(&spelt, Format::DateTime).ok()?.try_into().ok()
    }

    /// Removes the URL, its secret parts and any other credentials from a text.
    pub fn redact(&self, text: &str) -> String {
        let mut text = text.replace(&self.0.to_string(), REDACTED);
        if let Some(query) = self.0.query() {
            if query.len() >= SHORTEST_SECRET {
                text = text.replace(query, REDACTED);
            }
            let secrets = query.split('&').filter_map(|pair| pair.split_once('='));
            for (_, secret) in secrets.filter(|(name, _)| !PUBLIC_FIELDS.contains(name)) {
                text = without(&text, [secret, &decoded(secret)]);
            }
        }
        redact_credentials(&text)
    }
}

impl fmt::Debug for ResponseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

/// Removes a secret from a text, in each of its forms, also if its end was cut off.
///
/// Short values, such as a number of seconds, are no secrets and occur in any text.
fn without(text: &str, forms: [&str; 2]) -> String {
    let found_in = |rest: &str| {
        let lengths = forms.iter().map(|form| {
            let shared = rest.chars().zip(form.chars()).take_while(|(found, known)| found == known);
            let (count, length) =
                shared.fold((0, 0), |(count, length), (found, _)| (count + 1, length + found.len_utf8()));
            if count >= SHORTEST_SECRET { length } else { 0 }
        });
        lengths.max().unwrap_or_default()
    };
    let mut clean = String::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let length = found_in(rest);
        clean.push_str(if length > 0 { REDACTED } else { &rest[..next.len_utf8()] });
        rest = &rest[length.max(next.len_utf8())..];
    }
    clean
}

/// A value with its percent encoding decoded.
fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let digits = part.get(..2).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                bytes.extend_from_slice(&part.as_bytes()[2..]);
            }
            None => bytes.extend_from_slice(format!("%{part}").as_bytes()),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

const REDACTED: &str = "[response URL]";
const SHORTEST_SECRET: usize = 8;
/// Fields that are no secrets. A date may be part of a name.
const PUBLIC_FIELDS: [&str; 4] = ["X-Amz-Algorithm", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders"];

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn redact(text: &str) -> String {
        let url = "https://bucket.s3.amazonaws.com/p?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=20261123T101500Z\
                   &X-Amz-Security-Token=IQoJb3JpZ2lu%2FfQ%2B%3D%3D&X-Amz-Signature=0123456789abcdef";
        ResponseUrl::read(url).unwrap().redact(text)
    }

    #[test]
    fn a_secret_of_the_url_is_redacted_encoded_and_decoded() {
        for secret in ["IQoJb3JpZ2lu%2FfQ%2B%3D%3D", "IQoJb3JpZ2lu/fQ+==", "IQoJb3JpZ2lu/f", "01234567"] {
            assert_eq!(redact(&format!("token {secret}!")), "token [response URL]!");
        }
    }

    #[test]
    fn the_date_in_the_url_is_no_secret() {
        let told = "EndpointName: there is no endpoint prod-20261123 in this account and Region";
        assert_eq!(redact(told), told);
    }

    #[test]
    fn a_url_without_secrets_redacts_nothing() {
        for url in ["https://h/p", "https://h/p?", "https://h/p?a", "https://h/p?a="] {
            assert_eq!(ResponseUrl::read(url).unwrap().redact("a bad name"), "a bad name", "{url}");
        }
    }

    #[test]
    fn other_credentials_are_redacted() {
        assert_eq!(redact("Credential=AKIA/1, Signature=ffff"), "Credential=[secret], Signature=[secret]");
    }

    #[test]
    fn a_url_does_not_print_itself() {
        let url = ResponseUrl::read("https://bucket.s3.amazonaws.com/p?X-Amz-Signature=0123456789abcdef").unwrap();
        assert_eq!(format!("{url:?}"), "[response URL]");
    }

    fn signed_at(query: &str) -> Option<SystemTime> {
        ResponseUrl::read(&format!("https://bucket.s3.amazonaws.com/path?{query}")).unwrap().signed_at()
    }

    #[test]
    fn the_time_of_signing_is_read_from_the_url() {
        let signed = signed_at("X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=20160506T182145Z&X-Amz-Expires=7200");
        assert_eq!(signed, Some(UNIX_EPOCH + Duration::from_secs(1_462_558_905)));
        for odd in
            ["Expires=1462558905", "X-Amz-Date=", "X-Amz-Date=2016", "X-Amz-Date=20161306T182145Z", "X-Amz-Date=é"]
        {
            assert_eq!(signed_at(odd), None, "{odd}");
        }
    }

    #[test]
    fn a_value_without_valid_percent_encoding_is_unchanged() {
        for text in ["100%", "%", "%zz", "%é", "a%2", "%+1"] {
            assert_eq!(decoded(text), text);
        }
    }
}
