//! What the tests share: requests, the world around the process, and Lambda, which starts it and lets it die.

pub(crate) mod http;
pub(crate) mod lambda;
#[path = "../../handler/support/request.rs"]
pub(crate) mod request;
pub(crate) mod server;
pub(crate) mod world;

pub(crate) const SECRET_KEY: &str = "canary-secret-access-key";
pub(crate) const SESSION_TOKEN: &str = "canary-session-token";

/// Nobody may read this anywhere.
pub(crate) fn assert_no_secret(text: &str) {
    for secret in [request::SIGNATURE, SECRET_KEY, SESSION_TOKEN] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}
