//! A stage of real sockets: AWS, CloudFormation, and the function between them, as one process keeps it.

pub(crate) mod aws;
pub(crate) mod cloudformation;
pub(crate) mod stage;
