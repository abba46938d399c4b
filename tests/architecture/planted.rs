//! Tests of the checks themselves, on small crates that break a rule on purpose.

use crate::graph::Graph;
use crate::rules::{Layers, find_cycles, find_upward_imports};

const LAYERS: Layers = &[&["lib"], &["handler"], &["aws", "http"], &["model"]];

fn graph(files: &[(&str, &str)]) -> Graph {
    Graph::new("planted", &files.iter().map(|(name, text)| (name.into(), (*text).to_owned())).collect())
}

fn cycles(files: &[(&str, &str)]) -> Vec<String> {
    find_cycles(&graph(files))
}

fn assert_no_cycle(files: &[(&str, &str)]) {
    assert_eq!(cycles(files), [""; 0]);
}

#[test]
fn a_cycle_is_reported_with_each_import_in_it() {
    let files = [
        ("lib.rs", "mod a; mod b; mod c; mod d;"),
        ("a.rs", "//! A.\nuse crate::b::B;\nuse crate::d::D;\npub struct A(B, D);"),
        ("b.rs", "use std::fmt;\nfn f() { crate::c::f(); }\npub struct B;"),
        ("c.rs", "use super::{a::A, d};\npub fn f() {}"),
        ("d.rs", "pub struct D;"),
    ];
    assert_eq!(
        cycles(&files),
        ["cycle of crate::a, crate::b, crate::c:\
          \n    a.rs:2: crate::b::B (crate::a -> crate::b)\
          \n    b.rs:2: crate::c::f (crate::b -> crate::c)\
          \n    c.rs:1: super::a::A (crate::c -> crate::a)"]
    );
}

#[test]
fn two_cycles_are_reported_apart() {
    let files = [
        ("lib.rs", "mod a; mod b; mod c; mod d;"),
        ("a.rs", "use crate::b::B; use crate::c::C; pub struct A;"),
        ("b.rs", "use crate::a::A; pub struct B;"),
        ("c.rs", "use crate::d::D; pub struct C;"),
        ("d.rs", "use crate::c::C; pub struct D;"),
    ];
    let found = cycles(&files);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("cycle of crate::a, crate::b:") && !found[0].contains("crate::c"), "{found:?}");
}

#[test]
fn a_path_in_code_closes_a_cycle_wherever_it_is() {
    for code in [
        "fn f() -> u8 { crate::a::N }",
        "fn f(_: crate::a::A) {}",
        "fn f() -> Vec<crate::a::A> { vec![] }",
        "impl crate::a::T for B {}",
        "fn f() { assert_eq!(1, g(crate::a::N)); }",
        "fn f() { use crate::a::N; }",
        "mod inside { pub struct C(super::super::a::A); }",
        "use crate::a; fn f() -> u8 { a::N }",
        "use crate::a as other; fn f() -> u8 { other::N }",
        "use crate::a::*;",
        "use crate::a::{self};",
        "use planted::a::A;",
    ] {
        let found = cycles(&[("lib.rs", "mod a; mod b;"), ("a.rs", "use crate::b::B;"), ("b.rs", code)]);
        assert_eq!(found.len(), 1, "{code}: {found:?}");
    }
}

#[test]
fn other_crates_variables_and_comments_close_no_cycle() {
    for code in [
        "use ::a::A;",
        "use a::A;",
        "use a;",
        "fn f(a: u8) -> u8 { a }",
        "pub(in crate::a) struct B { pub(crate) n: u8 }",
        "/// See [`crate::a::A`].\npub struct B;",
        "fn f() -> &'static str { \"crate::a::A\" }",
    ] {
        assert_no_cycle(&[("lib.rs", "mod a; mod b;"), ("a.rs", "use crate::b::B;"), ("b.rs", code)]);
    }
    assert_no_cycle(&[("lib.rs", "mod a; use a::f;"), ("a.rs", "pub fn f(planted: u8) -> u8 { planted }")]);
}

#[test]
fn code_for_tests_may_import_anything() {
    let code = "#[cfg(test)] use crate::a::A; #[cfg(test)] mod tests { use crate::a::A; } #[cfg(test)] mod unwritten;\
                #[cfg(test)] fn f() { crate::a::f(); } #[test] fn t() { crate::a::f(); }\
                struct B; impl B { #[cfg(test)] fn f() { crate::a::f(); } }";
    assert_no_cycle(&[("lib.rs", "mod a; mod b;"), ("a.rs", "use crate::b::B;"), ("b.rs", code)]);
}

#[test]
fn an_import_of_a_re_export_leads_to_the_defining_module() {
    let parent = "mod client; mod retry; pub use self::client::Clients as Aws; pub use retry::Retry;";
    let files = [
        ("lib.rs", "mod aws; mod handler;"),
        ("aws/mod.rs", parent),
        ("aws/client.rs", "use super::Retry; pub struct Clients;"),
        ("aws/retry.rs", "pub struct Retry;"),
        ("handler.rs", "use crate::aws::Aws; fn f() { crate::aws::Retry::new(); }"),
    ];
    assert_no_cycle(&files);
    let imports: Vec<_> = graph(&files).imports.iter().map(ToString::to_string).collect();
    assert_eq!(
        imports,
        [
            "aws/client.rs:1: super::Retry (crate::aws::client -> crate::aws::retry)",
            "handler.rs:1: crate::aws::Aws (crate::handler -> crate::aws::client)",
            "handler.rs:1: crate::aws::Retry::new (crate::handler -> crate::aws::retry)",
        ]
    );
}

#[test]
fn a_parent_that_uses_its_child_is_in_a_cycle_with_it_if_the_child_uses_the_parent() {
    let child = ("aws/client.rs", "use super::Settings; pub struct Clients;");
    let with_parent = |parent| cycles(&[("lib.rs", "mod aws;"), ("aws.rs", parent), child]).len();
    assert_eq!(with_parent("mod client; pub use client::Clients; pub struct Settings;"), 0);
    assert_eq!(with_parent("mod client; use client::Clients; pub struct Settings;"), 1);
    assert_eq!(with_parent("mod client; pub use client::Clients; pub struct Settings(Clients);"), 1);
    assert_eq!(with_parent("mod client; pub struct Settings(client::Clients);"), 1);
}

#[test]
fn modules_in_one_file_count_as_one() {
    assert_no_cycle(&[("lib.rs", "mod a { use super::B; pub struct A; } use a::A; pub struct B;")]);
}

#[test]
#[should_panic(expected = "aws/mod.rs:2: re-export each item by name")]
fn a_re_export_of_everything_is_refused() {
    cycles(&[("lib.rs", "mod aws;"), ("aws/mod.rs", "mod client;\npub use client::*;"), ("aws/client.rs", "")]);
}

#[test]
fn an_import_from_a_higher_layer_or_the_same_row_is_reported() {
    let files = [
        ("lib.rs", "mod handler; mod aws; mod http; mod model; pub struct Root;"),
        ("handler.rs", "use crate::{aws::retry::Retry, http, model};"),
        ("aws/mod.rs", "mod retry;\nuse crate::http::Client;"),
        ("aws/retry.rs", "use super::super::handler::handle;\nuse crate::model::Id;\nuse super::Same;"),
        ("http.rs", ""),
        ("model.rs", "\nfn f(_: crate::Root) {}"),
    ];
    assert_eq!(
        find_upward_imports(&graph(&files), LAYERS),
        [
            "not to a lower layer: aws/mod.rs:2: crate::http::Client (crate::aws -> crate::http)",
            "not to a lower layer: aws/retry.rs:1: super::super::handler::handle (crate::aws::retry -> crate::handler)",
            "not to a lower layer: model.rs:2: crate::Root (crate::model -> crate)",
        ]
    );
}

#[test]
fn the_table_lists_exactly_the_layers_that_exist() {
    let files = [("lib.rs", "mod aws; mod http; mod log;"), ("aws.rs", ""), ("http.rs", ""), ("log.rs", "")];
    assert_eq!(
        find_upward_imports(&graph(&files), LAYERS),
        [
            "layer log: not in the table",
            "layer handler: in the table, but there is no such module",
            "layer model: in the table, but there is no such module",
        ]
    );
}

#[test]
fn the_binary_is_above_the_library() {
    let layers: Layers = &[&["main"], &["lib"], &["aws"]];
    let files = [
        ("lib.rs", "pub mod aws;"),
        ("aws.rs", "pub struct Clients;"),
        ("main.rs", "use planted::aws::Clients; fn f() { crate::g(); } fn g() {}"),
    ];
    let graph = graph(&files);
    assert_eq!(find_upward_imports(&graph, layers), [""; 0]);
    let imports: Vec<_> = graph.imports.iter().map(ToString::to_string).collect();
    assert_eq!(imports, ["main.rs:1: planted::aws::Clients (crate::main -> crate::aws)"]);
}
