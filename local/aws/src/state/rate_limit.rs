//! How many calls a second the services accept. AWS does not publish its limits.

use std::collections::BTreeMap;

use crate::protocol::fault::Fault;

/// A token bucket for each group of services that share a limit.
#[derive(Clone, Debug)]
pub(crate) struct RateLimit {
    per_second: f64,
    burst: f64,
    buckets: BTreeMap<&'static str, Bucket>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    filled: f64,
}

impl RateLimit {
    pub(crate) fn new(per_second: f64, burst: f64) -> Self {
        Self { per_second, burst, buckets: BTreeMap::new() }
    }

    /// Counts a call. Rejects it if the bucket of its service is empty.
    pub(crate) fn take(&mut self, target: &str, now: f64) -> Result<(), Fault> {
        // Assumed (belief request-rates): Application Auto Scaling and SageMaker share a limit, and each other service has its
        // own. The codes: https://docs.aws.amazon.com/autoscaling/application/APIReference/CommonErrors.html and
        // https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/CommonErrors.html; the text:
        // https://github.com/hashicorp/terraform-provider-aws/issues/31447
        let (service, code) = match target.split('.').next() {
            Some("CloudFormation") => ("CloudFormation", "Throttling"),
            Some("AmazonSSM") => ("AmazonSSM", "ThrottlingException"),
            Some(_) | None => ("", "ThrottlingException"),
        };
        let bucket = self.buckets.entry(service).or_insert(Bucket { tokens: self.burst, filled: now });
        bucket.tokens = (bucket.tokens + (now - bucket.filled).max(0.0) * self.per_second).min(self.burst);
        bucket.filled = now;
        if bucket.tokens < 1.0 {
            return Err(Fault::new(code, "Rate exceeded"));
        }
        bucket.tokens -= 1.0;
        Ok(())
    }
}
