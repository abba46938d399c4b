//! What holds for any request and any answer, tried on random ones.

pub mod checks;

mod answer;
mod request;
mod support;
