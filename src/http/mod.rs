//! The one HTTP client, for calls to AWS and for the answer.
//!
//! It is hyper's client with rustls on ring, because the SDK's own client cannot open a connection before a request.
//! It speaks HTTP/1.1, follows no redirects, and leaves path and query unchanged.

mod client;
mod preconnect;

pub use client::{Roots, client};
pub use preconnect::Connections;
