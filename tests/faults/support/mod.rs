//! A stage of real sockets: AWS, CloudFormation, and the function between them as one process keeps it.

pub(crate) mod aws;
pub(crate) mod canaries;
pub(crate) mod cloudformation;
#[path = "../../handler/support/log.rs"]
pub(crate) mod log;
#[allow(dead_code, reason = "each binary of tests uses its part")]
#[path = "../../handler/support/request.rs"]
pub(crate) mod request;
#[path = "../../handler/support/services.rs"]
mod services;
#[allow(dead_code, reason = "each binary of tests uses its part")]
#[path = "../../handler/support/socket.rs"]
pub(crate) mod socket;
pub(crate) mod stage;

pub(crate) use services::{ACCOUNT, REGION, SECRET_KEY, SESSION_TOKEN, services};
