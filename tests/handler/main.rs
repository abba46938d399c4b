//! The handler, from payload to answer, in a world without sockets and in virtual time; and over real sockets where
//! these are the point. One binary, so that it is linked once.

#![expect(clippy::disallowed_methods, reason = "tests set deadlines and measure")]

mod addresses;
mod bad_input;
mod crashes;
mod delivery;
mod envelope;
mod faults;
mod gate;
mod lifecycle;
mod log;
mod ownership;
mod package;
mod page;
mod policies;
mod races;
mod snapshots;
mod sns;
mod support;
