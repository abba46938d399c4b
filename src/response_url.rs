//! Where an answer goes: a bearer secret, which is used in one place and printed in none.

use std::fmt;

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

    /// Takes the URL and its secret parts out of a text.
    pub fn scrub(&self, text: &str) -> String {
        let mut text = text.replace(&self.0.to_string(), REDACTED);
        if let Some(query) = self.0.query() {
            // A short one, such as none after the question mark, is no secret, but occurs in any text.
            if query.chars().count() > SHORTEST_SECRET {
                text = text.replace(query, REDACTED);
            }
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
    use super::*;

    #[test]
    fn a_url_without_a_secret_leaves_texts_as_they_are() {
        for url in ["https://host/path", "https://host/path?", "https://host/path?a", "https://host/path?a=1"] {
            let url = ResponseUrl::read(url).unwrap();
            assert_eq!(url.scrub("MinCapacity: required, but missing"), "MinCapacity: required, but missing");
        }
    }
}
