//! One binary, because the official client also takes long to link.

mod addresses;
mod botocore;
mod clients;
mod configuration;
mod errors;
mod replies;
mod requests;
