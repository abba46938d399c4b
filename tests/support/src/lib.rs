//! What the test suites share: the function as a process keeps it, requests, the local AWS as others call it, an
//! HTTP server on loopback, the secrets to search for, and the seed of random tests.

#![expect(clippy::disallowed_methods, reason = "tests read their seed from the environment, and use the wall clock")]

pub mod account;
pub mod attached;
pub mod function;
pub mod http;
pub mod log;
pub mod loopback;
pub mod request;
pub mod secrets;
pub mod seed;
pub mod stack_resource;

/// The exchange at which the function is killed, counted from 1 in each invocation.
#[derive(Clone, Copy, Debug)]
pub struct Crash {
    /// Its number. Calls to AWS and answers are exchanges; in a process, reports to Lambda are, too.
    pub at: u32,
    /// Whether the exchange still takes effect. Its reply never arrives.
    pub after_effect: bool,
}
