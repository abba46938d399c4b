//! The graph of a crate's modules: which module uses which, and by what path.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;

use crate::source::{Files, Module, ModulePath, ReferenceKind, parse_modules};

/// The modules of a crate, and which of them use which.
#[derive(Debug)]
pub(crate) struct Graph {
    pub(crate) modules: BTreeSet<ModulePath>,
    pub(crate) imports: Vec<Import>,
}

/// A path in one module that leads to another.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Import {
    pub(crate) from: ModulePath,
    pub(crate) to: ModulePath,
    file: PathBuf,
    line: usize,
    path: String,
}

impl Graph {
    /// Builds the graph of the library called `library` and of its binary.
    ///
    /// An import of an item leads to the module that defines it, not to one that re-exports it. So a parent that only
    /// declares and re-exports its children imports none of them.
    pub(crate) fn new(library: &str, files: &Files) -> Self {
        let modules = parse_modules(files);
        let resolver = Resolver { library, modules: &modules };
        let mut imports = BTreeSet::new();
        let mut connected = BTreeSet::new();
        // A `use` explains the paths that begin with its name, so each `use` comes before any path.
        for of_use in [true, false] {
            for (path, module) in &modules {
                for reference in module.references.iter().filter(|found| is_use(&found.kind) == of_use) {
                    let Some(found) = resolver.target(path, &reference.segments, &reference.kind) else { continue };
                    let is_reexport = matches!(reference.kind, ReferenceKind::Use { is_reexport: true, .. });
                    let (from, to) = (&module.file_module, &modules[&found].file_module);
                    if from == to || is_reexport && to.is_below(from) {
                        continue;
                    }
                    let is_new = connected.insert((from.clone(), to.clone()));
                    if is_new || of_use || resolver.is_absolute(&reference.segments) {
                        imports.insert(Import {
                            from: from.clone(),
                            to: to.clone(),
                            file: module.file.clone(),
                            line: reference.line,
                            path: reference.segments.join("::"),
                        });
                    }
                }
            }
        }
        let modules = modules.into_values().map(|module| module.file_module).collect();
        Self { modules, imports: imports.into_iter().collect() }
    }
}

fn is_use(kind: &ReferenceKind) -> bool {
    *kind != ReferenceKind::Path
}

/// Finds the module that a path leads to.
struct Resolver<'a> {
    library: &'a str,
    modules: &'a BTreeMap<ModulePath, Module>,
}

impl Resolver<'_> {
    fn target(&self, module: &ModulePath, segments: &[String], kind: &ReferenceKind) -> Option<ModulePath> {
        let mut expanded = BTreeSet::new();
        match (segments, kind) {
            // A single name in code is an item or a variable, even if a module or the crate has the same name.
            ([name], ReferenceKind::Path) => self.expand_use(module, name, &[], &mut expanded)?,
            _ => self.resolve(module, segments, &mut expanded),
        }
    }

    /// The module of a path that is written in `module`; `None` if it is this one or of another crate.
    ///
    /// `expanded` holds the names of `use`s that led here, as `use name;` would lead to itself for ever.
    fn resolve(
        &self,
        module: &ModulePath,
        segments: &[String],
        expanded: &mut BTreeSet<(ModulePath, String)>,
    ) -> Option<ModulePath> {
        let (first, rest) = segments.split_first()?;
        match first.as_str() {
            "crate" => self.descend(self.modules[module].root.clone(), rest, expanded),
            "self" => self.descend(module.clone(), rest, expanded),
            "super" => self.descend(module.parent()?, rest, expanded),
            name if name == self.library => self.descend(ModulePath::default(), rest, expanded),
            name => {
                let child = module.join(name);
                if self.modules.contains_key(&child) {
                    return self.descend(child, rest, expanded);
                }
                self.expand_use(module, name, rest, expanded)?
            }
        }
    }

    /// Follows a path from `module`: through its children, its re-exports, or else to an item of its own.
    fn descend(
        &self,
        module: ModulePath,
        segments: &[String],
        expanded: &mut BTreeSet<(ModulePath, String)>,
    ) -> Option<ModulePath> {
        let Some((first, rest)) = segments.split_first() else { return Some(module) };
        if first == "super" {
            return self.descend(module.parent()?, rest, expanded);
        }
        let child = module.join(first);
        if self.modules.contains_key(&child) {
            return self.descend(child, rest, expanded);
        }
        self.expand_use(&module, first, rest, expanded).unwrap_or(Some(module))
    }

    /// Replaces a name by the path of the `use` that imports it. The outer `None`: there is no such `use`.
    fn expand_use(
        &self,
        module: &ModulePath,
        name: &str,
        rest: &[String],
        expanded: &mut BTreeSet<(ModulePath, String)>,
    ) -> Option<Option<ModulePath>> {
        let is_it =
            |kind: &ReferenceKind| matches!(kind, ReferenceKind::Use { name: imported, .. } if imported == name);
        let import = self.modules[module].references.iter().find(|reference| is_it(&reference.kind))?;
        if !expanded.insert((module.clone(), name.to_owned())) {
            return Some(None);
        }
        Some(self.resolve(module, &[&import.segments, rest].concat(), expanded))
    }

    fn is_absolute(&self, segments: &[String]) -> bool {
        segments.first().is_some_and(|first| ["crate", "self", "super", self.library].contains(&first.as_str()))
    }
}

impl Display for Import {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let Self { from, to, file, line, path } = self;
        write!(formatter, "{}:{line}: {path} ({from} -> {to})", file.display())
    }
}
