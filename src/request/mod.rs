//! What CloudFormation sends: the envelope, the response URL, the request in it, and whether it is still fresh. `order` reads
//! what others send.

mod continuation;
mod envelope;
pub mod freshness;
mod lifecycle;
mod order;
mod response_url;

pub use continuation::{Continuation, MAX_INVOCATIONS};
pub use envelope::{Envelope, InvalidRequest, NoReplyAddress, ReplyTo, requests};
pub use freshness::{Freshness, SentRequest, StackRecord, Stale};
pub use lifecycle::{Lifecycle, Request};
pub use order::{Order, RepairOrder, ReportOrder};
pub use response_url::{InvalidResponseUrl, ResponseUrl};
