//! The checks of `tests/properties`, for the fuzz targets.

#[path = "../../../tests/properties/checks/mod.rs"]
pub mod checks;
