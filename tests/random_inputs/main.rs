//! Properties of all requests and answers, checked on random ones and on the corpus of the fuzz targets.

pub mod checks;

mod answer;
mod corpus;
mod policies;
mod request;
mod shapes;
mod support;
