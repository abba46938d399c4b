//! The operations of Application Auto Scaling.

mod policies_and_actions;
mod scalable_targets;
mod scaling_activities;
mod scaling_policies;
mod scheduled_actions;
mod step_scaling;
mod tags;
mod target_tracking;

pub use self::scalable_targets::Registered;
