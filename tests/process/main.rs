//! The function as Lambda runs it: the built `bootstrap`, which the tests start, invoke and kill, over sockets of this
//! machine only.

#![expect(clippy::disallowed_methods, reason = "tests set deadlines and measure")]

mod deaths;
mod hand_over;
mod life;
mod panics;
mod settings;
mod support;
mod troubles;
