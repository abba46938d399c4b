//! Snapshots: everything that Application Auto Scaling knows of a target, kept while the target is deregistered.
//!
//! A snapshot is stored before its target is deregistered, and dropped after the target was restored. A target that
//! is being restored carries [`RESTORING_TAG`](crate::model::RESTORING_TAG) until it is complete. A registered
//! target without that tag was registered by somebody else since, so its snapshot is out of date.

mod capture;
mod parameter;
mod restore;
pub mod store;

pub use capture::{capture, keep_input};
pub use parameter::{EndpointUpdate, Snapshot, SnapshotError};
pub use restore::{
    Newer, current_registration, drop_if_registered, drop_unless_needed, give_back, remove_ended_actions, restore,
    restore_all,
};
