//! What the tests of the handler share: requests, and a world that answers them.

pub(crate) mod attached;
pub(crate) mod log;
pub(crate) mod request;
mod services;
#[allow(dead_code, reason = "each binary of tests uses its part")]
pub(crate) mod socket;
pub(crate) mod stack;
pub(crate) mod world;

pub(crate) use services::{ACCOUNT, REGION, SECRET_KEY, SESSION_TOKEN, services};
