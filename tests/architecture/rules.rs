//! The two rules: no cycles, and imports between layers point down.

use std::collections::{BTreeMap, BTreeSet};

use crate::graph::{Graph, Import};
use crate::source::ModulePath;

/// The layers of a crate, from top to bottom. Modules in one row are independent of each other.
///
/// Each name is that of a module of the root, `lib` (the root itself) or `main` (the binary).
pub(crate) type Layers = &'static [&'static [&'static str]];

/// Describes each cycle: modules that depend on themselves through others.
///
/// A cycle is a strongly connected component: every module of it can be reached from every other.
pub(crate) fn find_cycles(graph: &Graph) -> Vec<String> {
    let mut imported: BTreeMap<&ModulePath, BTreeSet<&ModulePath>> = BTreeMap::new();
    for Import { from, to, .. } in &graph.imports {
        imported.entry(from).or_default().insert(to);
    }
    let reachable = |start| {
        let (mut found, mut open) = (BTreeSet::new(), vec![start]);
        while let Some(module) = open.pop() {
            open.extend(imported.get(module).into_iter().flatten().filter(|&&module| found.insert(module)).copied());
        }
        found
    };
    let reachable: BTreeMap<_, _> = graph.modules.iter().map(|module| (module, reachable(module))).collect();
    let components: BTreeSet<BTreeSet<_>> = reachable
        .iter()
        .map(|(module, found)| found.iter().copied().filter(|other| reachable[other].contains(module)).collect())
        .collect();
    components.iter().filter(|component| !component.is_empty()).map(|component| describe(component, graph)).collect()
}

fn describe(component: &BTreeSet<&ModulePath>, graph: &Graph) -> String {
    let names: Vec<_> = component.iter().map(|module| module.to_string()).collect();
    let within = |import: &&Import| component.contains(&import.from) && component.contains(&import.to);
    let imports = graph.imports.iter().filter(within).map(|import| format!("\n    {import}"));
    format!("cycle of {}:{}", names.join(", "), imports.collect::<String>())
}

/// Lists the imports that lead to a higher layer or to another layer of the same row, and the differences between the
/// table and the layers that exist.
pub(crate) fn find_upward_imports(graph: &Graph, layers: Layers) -> Vec<String> {
    let rows: BTreeMap<_, _> =
        layers.iter().zip(0..).flat_map(|(row, n)| row.iter().map(move |name| (*name, n))).collect();
    let present: BTreeSet<_> = graph.modules.iter().map(layer).collect();
    let missing = present.iter().filter(|name| !rows.contains_key(**name));
    let missing = missing.map(|name| format!("layer {name}: not in the table"));
    let stale = rows.keys().filter(|name| !present.contains(**name));
    let stale = stale.map(|name| format!("layer {name}: in the table, but there is no such module"));
    let upward = graph.imports.iter().filter(|import| {
        let (from, to) = (layer(&import.from), layer(&import.to));
        from != to && rows.get(from).zip(rows.get(to)).is_some_and(|(from, to)| from >= to)
    });
    let upward = upward.map(|import| format!("not to a lower layer: {import}"));
    missing.chain(stale).chain(upward).collect()
}

/// The module of the root that a module is, or is in.
fn layer(module: &ModulePath) -> &str {
    module.0.first().map_or("lib", String::as_str)
}
