//! The answer to CloudFormation, and its delivery.

mod answer;
mod deliver;

pub use answer::{Answer, MAX_BODY_BYTES, Outcome};
pub use deliver::{Attempt, Undelivered, deliver};
