//! The checks of `tests/random_inputs`, for the fuzz targets.

#[path = "../../../tests/random_inputs/checks/mod.rs"]
pub mod checks;
