//! What holds for any request and any answer, tried on random ones, and on those that fuzzing kept.

pub mod checks;

mod answer;
mod corpus;
mod policies;
mod request;
#[allow(dead_code, reason = "each binary of tests uses its part")]
#[path = "../handler/support/services.rs"]
mod services;
mod shapes;
mod support;
