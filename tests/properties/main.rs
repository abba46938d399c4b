//! What holds for any request and any answer, tried on random ones, and on those that fuzzing kept.

pub mod checks;

mod answer;
mod corpus;
mod policies;
mod request;
mod shapes;
mod support;
