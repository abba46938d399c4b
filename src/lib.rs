//! CloudFormation custom resources that register SageMaker endpoint variants with Application Auto Scaling.
//!
//! A request takes one path:
//!
//! ```text
//! payload ─ request ─▶ Request ─ properties ─▶ Desired ─▶ ┌ observe ─ decide ─ act ┐ ─▶ Answer ─ deliver ─▶ PUT
//!           pure                 pure                     │   I/O     PURE     I/O │    pure      I/O
//!                                                         └─ again while waiting ──┘
//! ```
//!
//! The modules form layers. A module uses only modules below it; a test checks that.
//!
//! | layer | |
//! |---|---|
//! | [`handler`] | the path of a request |
//! | [`scalable_target`], [`update_gate`] | the two resource types: their rules as pure functions, and one loop for each |
//! | [`context`], [`error`] | what every step needs; why a request fails |
//! | [`snapshot`] | takes, keeps and restores snapshots of targets |
//! | [`apply`] | puts and deletes attachments: the scaling policies and scheduled actions of a target |
//! | [`aws`] | the calls to AWS, their retries and preconditions |
//! | [`properties`], [`response`] | template text to a description; the answer and its delivery |
//! | [`request`] | the envelope, the response URL, and whether the request is still fresh |
//! | [`model`] | names, ids, owners, and the one description of a target |
//! | [`http`], [`observability`] | the HTTP client; log, metrics, progress, redaction |
//! | [`polling`], [`deadline`], [`timing`] | waiting; the clock; every waiting time |
//!
//! A request that has to wait longer than its invocation is handed over to another one: see [`handler`].
//!
//! The function keeps no state between requests, except for snapshots. A request may be delivered again at any point: each
//! delivery decides from what AWS shows.

pub mod apply;
pub mod aws;
pub mod context;
pub mod deadline;
pub mod error;
pub mod handler;
pub mod http;
pub mod model;
pub mod observability;
pub mod polling;
pub mod properties;
pub mod repair;
pub mod report;
pub mod request;
pub mod response;
pub mod scalable_target;
pub mod snapshot;
pub mod timing;
pub mod update_gate;
