//! Where an answer goes: a bearer secret, which is used in one place and printed in none.

use std::fmt;
use std::time::SystemTime;

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use http::Uri;

use crate::envelope::NoReplyAddress;

/// A presigned URL. It is a bearer secret: whoever has it can answer. It is never printed.
#[derive(Clone, Eq, PartialEq)]
pub struct ResponseUrl(Uri);

impl ResponseUrl {
    /// Reads a URL; `https`, or plain `http` to a loopback host, which is what local runs use.
    pub(crate) fn read(text: &str) -> Result<Self, NoReplyAddress> {
        let uri: Uri = text.parse().map_err(|_| NoReplyAddress::Url)?;
        let host = uri.host().ok_or(NoReplyAddress::Url)?;
        match uri.scheme_str() {
            Some("https") => Ok(Self(uri)),
            Some("http") if is_loopback(host) => Ok(Self(uri)),
            _ => Err(NoReplyAddress::Scheme),
        }
    }

    /// The URL, for the request line only: path and query are exactly as given.
    pub(crate) fn secret(&self) -> &Uri {
        &self.0
    }

    /// When CloudFormation signed the URL, and so made the request, where the URL says so: to the second, by
    /// `X-Amz-Date` of <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>.
    pub fn signed_at(&self) -> Option<SystemTime> {
        let date = self.0.query()?.split('&').find_map(|pair| pair.strip_prefix("X-Amz-Date="))?;
        let part = |range| date.get(range).unwrap_or_default();
        let [year, month, day, hour, minute, second] =
            [part(0..4), part(4..6), part(6..8), part(9..11), part(11..13), part(13..15)];
        let spelt = format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z");
        DateTime::from_str(&spelt, Format::DateTime).ok()?.try_into().ok()
    }

    /// Takes the URL and its secret parts out of a text.
    pub(crate) fn scrub(&self, text: &str) -> String {
        let mut text = text.replace(&self.0.to_string(), REDACTED);
        if let Some(query) = self.0.query() {
            text = text.replace(query, REDACTED);
            for (_, secret) in query.split('&').filter_map(|pair| pair.split_once('=')) {
                text = without(&text, secret);
            }
        }
        text
    }
}

impl fmt::Debug for ResponseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

/// Takes a secret out of a text, also where its end was cut off.
///
/// Short values, such as a number of seconds, are no secrets but occur in any text.
fn without(text: &str, secret: &str) -> String {
    let Some((end_of_head, _)) = secret.char_indices().nth(SHORTEST_SECRET) else {
        return text.to_owned();
    };
    let mut rest = text;
    let mut clean = String::new();
    while let Some(start) = rest.find(&secret[..end_of_head]) {
        let shared = rest[start..].chars().zip(secret.chars()).take_while(|(found, known)| found == known);
        let end = start + shared.map(|(found, _)| found.len_utf8()).sum::<usize>();
        clean.push_str(&rest[..start]);
        clean.push_str(REDACTED);
        rest = &rest[end..];
    }
    clean + rest
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

const REDACTED: &str = "[response URL]";
const SHORTEST_SECRET: usize = 8;

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn signed_at(query: &str) -> Option<SystemTime> {
        ResponseUrl::read(&format!("https://bucket.s3.amazonaws.com/path?{query}")).unwrap().signed_at()
    }

    #[test]
    fn the_time_of_signing_is_read_where_the_url_has_one() {
        let signed = signed_at("X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=20160506T182145Z&X-Amz-Expires=7200");
        assert_eq!(signed, Some(UNIX_EPOCH + Duration::from_secs(1_462_558_905)));
        for odd in
            ["Expires=1462558905", "X-Amz-Date=", "X-Amz-Date=2016", "X-Amz-Date=20161306T182145Z", "X-Amz-Date=é"]
        {
            assert_eq!(signed_at(odd), None, "{odd}");
        }
    }
}
