//! Reads the modules of a crate, and every path that each of them writes. Code for tests is left out.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::path::{Path, PathBuf};
use std::{fs, io, iter};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Ident, ImplItemFn, Item, ItemMod, ItemUse, Macro, UseTree, Visibility};

/// The text of each source file of a crate, by its path below the folder `src`.
pub(crate) type Files = BTreeMap<PathBuf, String>;

/// Where a module is in its crate, such as `crate::aws::retry`. The root of the binary is `crate::main`.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct ModulePath(pub(crate) Vec<String>);

/// A module, and the paths in its code.
#[derive(Debug)]
pub(crate) struct Module {
    pub(crate) file: PathBuf,
    /// The module of the whole file. A module inside another's file belongs to that one.
    pub(crate) file_module: ModulePath,
    /// The root of the module's crate, which is not the library's for `main.rs`.
    pub(crate) root: ModulePath,
    pub(crate) references: Vec<Reference>,
}

/// A path that a module writes, such as `crate::aws::Clients`.
#[derive(Debug)]
pub(crate) struct Reference {
    pub(crate) segments: Vec<String>,
    pub(crate) line: usize,
    pub(crate) kind: ReferenceKind,
}

#[derive(Debug, Eq, PartialEq)]
pub(crate) enum ReferenceKind {
    /// `use path as name`, which other modules can see if it is a re-export.
    Use { name: String, is_reexport: bool },
    /// `use path::*`.
    Glob,
    /// In a type, an expression, a pattern or the tokens of a macro.
    Path,
}

/// Reads every Rust file below a folder.
pub(crate) fn read_files(folder: &Path) -> io::Result<Files> {
    fn read_below(root: &Path, folder: &Path, files: &mut Files) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                read_below(root, &path, files)?;
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root).expect("the path is below the root").to_owned();
                files.insert(name, fs::read_to_string(&path)?);
            }
        }
        Ok(())
    }
    let mut files = Files::new();
    read_below(folder, folder, &mut files)?;
    Ok(files)
}

/// Parses the modules of the library `lib.rs` and of the binary `main.rs`, if there is one.
pub(crate) fn parse_modules(files: &Files) -> BTreeMap<ModulePath, Module> {
    let mut modules = BTreeMap::new();
    for (file, root) in [("lib.rs", ModulePath::default()), ("main.rs", ModulePath::default().join("main"))] {
        if files.contains_key(Path::new(file)) {
            parse_file(files, file.into(), root.clone(), &root, &mut modules);
        }
    }
    modules
}

fn parse_file(
    files: &Files,
    file: PathBuf,
    module: ModulePath,
    root: &ModulePath,
    modules: &mut BTreeMap<ModulePath, Module>,
) {
    let syntax = syn::parse_file(&files[&file]).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let mut parser = FileParser { files, file, file_module: module.clone(), module, root, modules };
    parser.add_module();
    parser.visit_file(&syntax);
}

/// Walks the syntax tree of one file.
struct FileParser<'a> {
    files: &'a Files,
    file: PathBuf,
    file_module: ModulePath,
    /// The module that is being walked: the file's, or one inside it.
    module: ModulePath,
    root: &'a ModulePath,
    modules: &'a mut BTreeMap<ModulePath, Module>,
}

impl FileParser<'_> {
    fn add_module(&mut self) {
        let (file, file_module, root) = (self.file.clone(), self.file_module.clone(), self.root.clone());
        self.modules.insert(self.module.clone(), Module { file, file_module, root, references: Vec::new() });
    }

    fn add_reference(&mut self, segments: Vec<String>, line: usize, kind: ReferenceKind) {
        let module = self.modules.get_mut(&self.module).expect("the module was added before its references");
        module.references.push(Reference { segments, line, kind });
    }

    /// The file of `mod name;`: <https://doc.rust-lang.org/reference/items/modules.html#module-source-filenames>
    fn file_of_child(&self, name: &str) -> PathBuf {
        let is_root_of_folder = ["lib.rs", "main.rs", "mod.rs"].iter().any(|root| self.file.ends_with(root));
        let folder = if is_root_of_folder { self.file.with_file_name("") } else { self.file.with_extension("") };
        let candidates = [folder.join(format!("{name}.rs")), folder.join(name).join("mod.rs")];
        let found = candidates.into_iter().find(|file| self.files.contains_key(file));
        found.unwrap_or_else(|| panic!("{}: mod {name}; has no file", self.file.display()))
    }

    fn add_use(&mut self, prefix: &[String], tree: &UseTree, is_reexport: bool) {
        let path = |name: &Ident| prefix.iter().cloned().chain([name.to_string()]).collect::<Vec<_>>();
        match tree {
            UseTree::Path(part) => self.add_use(&path(&part.ident), &part.tree, is_reexport),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.add_use(prefix, tree, is_reexport)),
            UseTree::Name(last) => self.add_named_use(path(&last.ident), &last.ident, None, is_reexport),
            UseTree::Rename(last) => {
                self.add_named_use(path(&last.ident), &last.ident, Some(&last.rename), is_reexport);
            }
            UseTree::Glob(glob) => {
                let line = glob.star_token.spans[0].start().line;
                let file = self.file.display();
                assert!(!is_reexport, "{file}:{line}: re-export each item by name, so that its module can be found");
                self.add_reference(prefix.to_vec(), line, ReferenceKind::Glob);
            }
        }
    }

    fn add_named_use(&mut self, mut segments: Vec<String>, last: &Ident, rename: Option<&Ident>, is_reexport: bool) {
        // `use path::{self}` imports `path`.
        if last == "self" && segments.len() > 1 {
            segments.pop();
        }
        let name = rename.map_or_else(|| segments.last().cloned().unwrap_or_default(), Ident::to_string);
        self.add_reference(segments, last.span().start().line, ReferenceKind::Use { name, is_reexport });
    }

    /// Every `a::b::c` in the tokens of a macro call, which Rust does not parse before the macro has run.
    fn add_paths_in_tokens(&mut self, tokens: TokenStream) {
        let mut tokens = tokens.into_iter().peekable();
        let mut segments: Vec<String> = Vec::new();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Ident(name) => {
                    let line = name.span().start().line;
                    segments.push(name.to_string());
                    let is_colon = |token: &TokenTree| matches!(token, TokenTree::Punct(mark) if mark.as_char() == ':');
                    let colons = iter::from_fn(|| tokens.next_if(is_colon)).count();
                    let continues = colons == 2 && matches!(tokens.peek(), Some(TokenTree::Ident(_)));
                    if !continues {
                        self.add_reference(std::mem::take(&mut segments), line, ReferenceKind::Path);
                    }
                }
                TokenTree::Group(group) => self.add_paths_in_tokens(group.stream()),
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }
}

impl<'ast> Visit<'ast> for FileParser<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_for_tests(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        if !is_for_tests(&function.attrs) {
            visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        let child = self.module.join(&item.ident.to_string());
        if item.content.is_none() {
            let file = self.file_of_child(&item.ident.to_string());
            return parse_file(self.files, file, child, self.root, self.modules);
        }
        let parent = std::mem::replace(&mut self.module, child);
        self.add_module();
        visit::visit_item_mod(self, item);
        self.module = parent;
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        // `use ::name` is always another crate.
        if item.leading_colon.is_none() {
            self.add_use(&[], &item.tree, !matches!(item.vis, Visibility::Inherited));
        }
    }

    /// `pub(in path)` says who may use an item, not what the item uses.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if let (None, Some(first)) = (&path.leading_colon, path.segments.first()) {
            let segments = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
            self.add_reference(segments, first.ident.span().start().line, ReferenceKind::Path);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        self.add_paths_in_tokens(call.tokens.clone());
        visit::visit_macro(self, call);
    }
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let argument = || attribute.parse_args::<Ident>();
        attribute.path().is_ident("test")
            || attribute.path().is_ident("cfg") && argument().is_ok_and(|condition| condition == "test")
    })
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

impl ModulePath {
    pub(crate) fn join(&self, name: &str) -> Self {
        Self(self.0.iter().cloned().chain([name.to_owned()]).collect())
    }

    pub(crate) fn parent(&self) -> Option<Self> {
        self.0.split_last().map(|(_, parents)| Self(parents.to_vec()))
    }

    pub(crate) fn is_below(&self, other: &Self) -> bool {
        self != other && self.0.starts_with(&other.0)
    }
}

impl Display for ModulePath {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "crate")?;
        self.0.iter().try_for_each(|name| write!(formatter, "::{name}"))
    }
}
