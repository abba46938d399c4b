//! The addresses to which botocore would send requests. The function's own tests use them, too.

use std::collections::HashMap;

use serde::Deserialize;

/// The output of `dev/oracle/botocore_endpoints.py`: the rows of each service, by botocore's name for it.
#[derive(Deserialize)]
pub(crate) struct Table {
    pub(crate) botocore: String,
    #[serde(flatten)]
    pub(crate) services: HashMap<String, Vec<Row>>,
}

/// Settings, and the address that botocore resolves from them; none if they are an error.
#[derive(Debug, Deserialize)]
pub(crate) struct Row {
    pub(crate) region: Option<String>,
    pub(crate) fips: bool,
    pub(crate) dual_stack: bool,
    pub(crate) endpoint: Option<String>,
    pub(crate) url: Option<String>,
}

/// All rows.
pub(crate) fn table() -> Table {
    serde_json::from_str(include_str!("../botocore-endpoints.json")).expect("the table is complete")
}
