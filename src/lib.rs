//! CloudFormation custom resources that register SageMaker endpoint variants with Application Auto Scaling.
//!
//! One request makes one pass, and nothing flows back:
//!
//! ```text
//! payload ─ envelope ─▶ Request ─ properties ─▶ Desired ─▶ ┌ observe ─ decide ─ act ┐ ─▶ Answer ─ deliver ─▶ PUT
//!           pure                  pure                     │  I/O      PURE     I/O │    pure      I/O
//!                                                          └─ again while waiting ──┘
//! ```
//!
//! * [`handler`] is the path itself: whatever happens on it becomes an answer.
//! * [`envelope`] reads who wants to know, first and leniently, then what they want.
//! * [`scalable_target`] and [`update_gate`] are the two resource types: what an author may write, and the rules.
//! * [`aws`] is the only module that talks to AWS, [`deliver`] the only one that talks to CloudFormation.
//! * [`transport`] is the one HTTP client of both.
//! * [`deadline`] is the only reader of the clock.
//! * [`logs`] is what is logged: nobody else's events, and no panic's words. [`metrics`] is what CloudWatch counts of it.
//!
//! The function keeps no state between requests: any request may be delivered again at any point, and deciding afresh
//! from what AWS shows is always right.

pub mod answer;
mod arn;
pub mod aws;
pub mod deadline;
pub mod deliver;
pub mod envelope;
pub mod error;
pub mod handler;
pub mod id;
pub mod logs;
pub mod metrics;
pub mod owner;
pub mod parked;
mod parking;
pub mod progress;
mod reader;
pub mod response_url;
pub mod retry;
pub mod scalable_target;
mod secrets;
mod standing;
pub mod transport;
pub mod update_gate;
