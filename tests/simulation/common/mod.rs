//! What both kinds of histories use: faults of the network, invocations of Lambda, and requests with their answers.

pub(crate) mod attachments;
pub(crate) mod clock;
pub(crate) mod invocation;
pub(crate) mod request;
pub(crate) mod trouble;
