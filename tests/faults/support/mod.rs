//! A stage of real sockets: AWS, CloudFormation, and the function between them, as one process holds it.

pub(crate) mod aws;
pub(crate) mod cloudformation;
pub(crate) mod stage;
