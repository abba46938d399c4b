//! The world around a process, and Lambda, which starts the process and kills it.

pub(crate) mod http;
pub(crate) mod lambda;
pub(crate) mod server;
pub(crate) mod world;
