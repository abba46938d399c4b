//! What holds for any input. The fuzz targets in `fuzz/` and the tests here share these checks, so they cannot drift.

mod answer;
mod function;
mod parts;
mod request;

pub use answer::{answer, decoded};
pub use parts::Parts;
pub use request::{as_text, id, properties, request};
