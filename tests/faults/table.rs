//! The table at the top of `main.rs` and the tests claim the same.

use std::collections::BTreeSet;

const MAIN: &str = include_str!("main.rs");
const MODULES: [(&str, &str); 9] = [
    ("api", include_str!("api.rs")),
    ("envelope", include_str!("envelope.rs")),
    ("ownership", include_str!("ownership.rs")),
    ("panics", include_str!("panics.rs")),
    ("payloads", include_str!("payloads.rs")),
    ("put", include_str!("put.rs")),
    ("replies", include_str!("replies.rs")),
    ("secrets", include_str!("secrets.rs")),
    ("time", include_str!("time.rs")),
];
const ROWS: &str = "1 2 3 3b 4 4b 5 5b 5c 6 7 7b 8 8b 8c 9 10 10b 11 12 13 14 15 16 17 18 18b 19 20 21 22 23 24 \
                    O1 O2 O3 O4 O5 O6 A1 A2 A3 A4 A5 A6 A7 A8 A9 P1 R1 R2 R3 R4 R5 R6 R7 R8 R9 R10";

/// A row, and a test that proves it, as `module::name`.
type Claim = (String, String);

/// The rows that a test's comment claims, such as `Row 8b: PUT 500 once. Row A5, A8.`
fn rows_of(comment: &str) -> impl Iterator<Item = &str> {
    comment.split("Row ").skip(1).flat_map(|rest| rest.split([':', '.']).next().unwrap_or_default().split(", "))
}

fn claimed_by_tests() -> BTreeSet<Claim> {
    let mut claims = BTreeSet::new();
    for (module, source) in MODULES {
        let mut comment = String::new();
        for line in source.lines() {
            let signature = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ");
            if let Some(words) = line.strip_prefix("///") {
                comment.push_str(words);
            } else if let Some((name, _)) = signature.and_then(|rest| rest.split_once('(')) {
                claims.extend(rows_of(&comment).map(|row| (row.to_owned(), format!("{module}::{name}"))));
                comment.clear();
            } else if !line.starts_with("#[") {
                comment.clear();
            }
        }
    }
    claims
}

fn claimed_by_table() -> BTreeSet<Claim> {
    let cells = MAIN.lines().filter_map(|line| line.strip_prefix("//! | ")?.strip_suffix("` |"));
    let claims = cells.filter_map(|cells| Some((cells.split_once(" | ")?.0, cells.rsplit_once('`')?.1)));
    claims.map(|(row, test)| (row.to_owned(), test.to_owned())).collect()
}

#[test]
fn every_row_is_claimed_by_a_test() {
    let claimed: BTreeSet<_> = claimed_by_tests().into_iter().map(|(row, _)| row).collect();
    let rows: BTreeSet<_> = ROWS.split(' ').map(str::to_owned).collect();
    assert_eq!(claimed, rows);
}

#[test]
fn the_table_names_the_tests_that_claim_its_rows() {
    assert_eq!(claimed_by_table(), claimed_by_tests());
}
