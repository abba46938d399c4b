//! The handler over real sockets that reset, hang and refuse, with the connector that is shipped: a test for every row of
//! the fault table, which is in `table.rs`.

#![deny(dead_code, reason = "a row without a test, and a test that is missing from the table, are dead code")]
#![expect(clippy::disallowed_methods, reason = "tests set deadlines and measure")]

mod api;
mod envelope;
mod ownership;
mod panics;
mod payloads;
mod put;
mod replies;
mod secrets;
mod support;
mod table;
mod time;
