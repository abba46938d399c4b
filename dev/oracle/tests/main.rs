//! One binary, since the official client takes long to link, too.

mod addresses;
mod botocore;
mod clients;
mod configuration;
mod errors;
mod replies;
mod requests;
