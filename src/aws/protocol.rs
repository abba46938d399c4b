//! The services that `service_client` calls, and their errors.

use std::fmt;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_types::error::metadata::{ErrorMetadata, ProvideErrorMetadata};

/// A service that is called without its SDK crate.
#[derive(Clone, Copy, Debug)]
pub struct Service {
    /// The service's id, which names its endpoint variable, such as `AWS_ENDPOINT_URL_SAGEMAKER`.
    pub id: &'static str,
    /// How requests and replies are written.
    pub protocol: Protocol,
    /// The name that requests are signed for.
    pub signing_name: &'static str,
    /// The host, from the Region, the partition's DNS suffix, and whether to use FIPS.
    pub(super) host: fn(&str, &str, bool) -> String,
}

/// How a service's requests and replies are written.
#[derive(Clone, Copy, Debug)]
pub enum Protocol {
    /// AWS JSON 1.1.
    Json {
        /// The prefix of `X-Amz-Target`.
        target: &'static str,
    },
    /// AWS REST JSON, as Lambda's `Invoke` has it.
    Invoke {
        /// The API's version.
        version: &'static str,
    },
    /// AWS Query: a form, answered in XML.
    Query {
        /// The API's version.
        version: &'static str,
    },
}

/// CloudFormation.
pub const CLOUDFORMATION: Service = Service {
    id: "CloudFormation",
    protocol: Protocol::Query { version: "2010-05-15" },
    signing_name: "cloudformation",
    host: |region, suffix, fips| host("cloudformation", region, suffix, fips),
};

/// Lambda.
pub const LAMBDA: Service = Service {
    id: "Lambda",
    protocol: Protocol::Invoke { version: "2015-03-31" },
    signing_name: "lambda",
    host: |region, suffix, fips| format!("lambda{}.{region}.{suffix}", if fips { "-fips" } else { "" }),
};

/// SageMaker's control plane.
pub const SAGEMAKER: Service = Service {
    id: "SageMaker",
    protocol: Protocol::Json { target: "SageMaker" },
    signing_name: "sagemaker",
    host: |region, suffix, fips| match (fips, suffix) {
        (false, _) => format!("api.sagemaker.{region}.{suffix}"),
        (true, "amazonaws.com") => format!("api-fips.sagemaker.{region}.{suffix}"),
        (true, _) => format!("api.sagemaker-fips.{region}.{suffix}"),
    },
};

/// Application Auto Scaling, for the operations whose bodies are JSON.
pub const APPLICATION_AUTO_SCALING: Service = Service {
    id: "Application Auto Scaling",
    protocol: Protocol::Json { target: "AnyScaleFrontendService" },
    signing_name: "application-autoscaling",
    host: |region, suffix, fips| host("application-autoscaling", region, suffix, fips),
};

/// Systems Manager, for its Parameter Store.
pub const SSM: Service = Service {
    id: "SSM",
    protocol: Protocol::Json { target: "AmazonSSM" },
    signing_name: "ssm",
    host: |region, suffix, fips| host("ssm", region, suffix, fips),
};

/// The host of most services. In GovCloud the ordinary hosts are the FIPS ones, except for dual stack.
fn host(label: &str, region: &str, suffix: &str, fips: bool) -> String {
    let has_own = fips && !(region.contains("us-gov-") && suffix == "amazonaws.com");
    format!("{label}{}.{region}.{suffix}", if has_own { "-fips" } else { "" })
}

/// A reply that is not the wanted one.
#[derive(Debug)]
pub(super) enum Unwanted {
    /// The service replied with an error.
    Error(ErrorReply),
    /// A success that cannot be read.
    Unreadable(BoxError),
}

/// An error reply of a service.
#[derive(Debug)]
pub struct ErrorReply(pub(super) ErrorMetadata);

impl ProvideErrorMetadata for ErrorReply {
    fn meta(&self) -> &ErrorMetadata {
        &self.0
    }
}

impl fmt::Display for ErrorReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for ErrorReply {}
