//! `schema/operations.json` lists the IAM action of every operation that the function calls. The end-to-end tests compare
//! the role in `template.yaml` with it.

use std::fs;

use sagemaker_scaling::aws::operation::Operation;
use serde_json::{Value, json};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/schema/operations.json");

#[test]
fn the_list_of_operations_is_current() {
    let actions: Vec<_> = Operation::ALL.iter().map(|operation| operation.iam_action()).collect();
    let expected = json!({ "operations": actions });
    let found: Value = serde_json::from_str(&fs::read_to_string(FILE).expect("the file")).expect("JSON");
    assert_eq!(found, expected, "write this into schema/operations.json:\n{expected:#}");
}
