//! Checks that hold for any input. The tests here and the fuzz targets share them.

mod answer;
mod function;
mod parts;
mod request;

pub use answer::{answer, decoded};
pub use parts::Parts;
pub use request::{as_text, id, properties, request};
