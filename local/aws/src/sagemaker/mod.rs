//! The operations of SageMaker, and what Application Auto Scaling does to SageMaker's resources.

mod deployments;
mod endpoint_configs;
mod endpoints;
mod inference_components;
mod listing;
mod scaling;
