//! Where botocore would send requests. The function's own tests use it, too.

use std::collections::HashMap;

use serde::Deserialize;

/// What `dev/oracle/botocore_endpoints.py` writes: a service's rows by the name that botocore has for it.
#[derive(Deserialize)]
pub(crate) struct Table {
    pub(crate) botocore: String,
    #[serde(flatten)]
    pub(crate) services: HashMap<String, Vec<Row>>,
}

/// The settings, and where they lead in botocore: nowhere, if it calls them an error.
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
