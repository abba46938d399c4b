//! What the tests of the handler share: requests, and a world that answers them.

pub(crate) mod request;
pub(crate) mod services;
pub(crate) mod socket;
pub(crate) mod world;

pub(crate) use services::*;
