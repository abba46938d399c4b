//! A world without sockets, in virtual time; a stack in it, and an endpoint that the stack updates.

pub(crate) mod prod;
pub(crate) mod stack;
pub(crate) mod world;
