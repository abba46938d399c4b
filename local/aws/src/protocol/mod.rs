//! What all operations share: reading the input, paging, errors.

pub(crate) mod fault;
pub(crate) mod input;
pub(crate) mod member_types;
pub(crate) mod pagination;
pub mod query;
