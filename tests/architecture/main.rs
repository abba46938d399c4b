//! The architecture of each crate as a test: no module depends on itself through others, and layers import only what is
//! below them.

mod graph;
mod planted;
mod rules;
mod source;

use std::path::Path;

use self::graph::Graph;
use self::rules::{Layers, find_cycles, find_upward_imports};
use self::source::read_files;

/// The layers of the function, from top to bottom. Modules in one row do not import each other.
const FUNCTION_LAYERS: Layers = &[
    &["main"],
    &["lib"],
    &["handler"],
    &["repair", "report"],
    &["scalable_target", "update_gate"],
    &["context"],
    &["error"],
    &["snapshot"],
    &["apply"],
    &["aws"],
    &["properties", "response"],
    &["request"],
    &["model"],
    &["http"],
    &["observability"],
    &["polling"],
    &["deadline"],
    &["timing"],
];

/// The layers of the local AWS, from top to bottom.
const LOCAL_AWS_LAYERS: Layers = &[
    &["main"],
    &["lib"],
    &["server"],
    &["dispatch"],
    &["test_controls"],
    &["application_auto_scaling"],
    &["sagemaker", "parameter_store", "cloudformation"],
    &["state"],
    &["protocol"],
];

struct Crate {
    name: &'static str,
    sources: &'static str,
}

const FUNCTION: Crate = Crate { name: "sagemaker_scaling", sources: "src" };
const LOCAL_AWS: Crate = Crate { name: "local_aws", sources: "local/aws/src" };
const SCHEMA: Crate = Crate { name: "schema", sources: "schema/src" };

/// Fails with every violation that `find` reports of a crate.
fn check(Crate { name, sources }: Crate, find: impl FnOnce(&Graph) -> Vec<String>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(sources);
    let files = read_files(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let violations = find(&Graph::new(name, &files));
    assert!(violations.is_empty(), "in {sources}:\n{}\n", violations.join("\n"));
}

#[test]
fn the_function_has_no_module_cycle() {
    check(FUNCTION, find_cycles);
}

#[test]
fn the_function_imports_only_from_lower_layers() {
    check(FUNCTION, |graph| find_upward_imports(graph, FUNCTION_LAYERS));
}

#[test]
fn the_local_aws_has_no_module_cycle() {
    check(LOCAL_AWS, find_cycles);
}

#[test]
fn the_local_aws_imports_only_from_lower_layers() {
    check(LOCAL_AWS, |graph| find_upward_imports(graph, LOCAL_AWS_LAYERS));
}

#[test]
fn the_schemas_have_no_module_cycle() {
    check(SCHEMA, find_cycles);
}
