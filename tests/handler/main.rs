//! The handler, from payload to answer: in virtual time, without sockets, and over real sockets where it needs them. All in
//! one binary, which is linked once.

#![expect(clippy::disallowed_methods, reason = "tests set deadlines and measure")]

mod addresses;
mod bad_input;
mod calls;
mod cancelled;
mod crashes;
mod delivery;
mod envelope;
mod failure_options;
mod faults;
mod gate;
mod hand_over;
mod late_reads;
mod lifecycle;
mod log;
mod orders;
mod ownership;
mod package;
mod page;
mod policies;
mod races;
mod recorded;
mod repair;
mod report;
mod snapshots;
mod sns;
mod stack_tags;
mod support;
mod take_over;
