//! A small typed client for services that speak AWS JSON 1.1 or AWS Query, on the SDK's own runtime.
//!
//! Their own crates would do for the two or three calls that are made, but `aws-sdk-sagemaker` alone takes 5.4 GiB to
//! compile. What is left to do here is what code generation does for a client: the request, the reply, the error, the
//! address. An oracle (`oracle/`) compares all of it with the official crate.
//!
//! <https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html>; `query.rs` has the older protocol.

use std::fmt;

use autoscaling::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
use aws_runtime::auth::SigV4OperationSigningConfig;
use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_runtime::invocation_id::InvocationIdInterceptor;
use aws_runtime::recursion_detection::RecursionDetectionInterceptor;
use aws_runtime::user_agent::{ApiMetadata, AwsUserAgent, UserAgentInterceptor};
use aws_sdk_applicationautoscaling as autoscaling;
use aws_smithy_runtime::client::identity::IdentityCache;
use aws_smithy_runtime::client::orchestrator::operation::Operation as Orchestration;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::auth::{
    AuthSchemeOptionResolverParams, SharedAuthScheme, SharedAuthSchemeOptionResolver,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::{Order, RuntimePlugin, StaticRuntimePlugin};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::Layer;
use aws_smithy_types::error::metadata::{ErrorMetadata, ProvideErrorMetadata};
use aws_types::SdkConfig;
use aws_types::region::SigningRegion;
use aws_types::service_config::ServiceConfigKey;
use aws_types::{SigningName, origin::Origin};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::query;

/// An operation: its request serializes to the input's JSON, or to the form's fields where the service speaks Query.
pub trait Operation: fmt::Debug + Serialize + Send + Sync + 'static {
    /// The name, which is also the IAM action's.
    const NAME: &'static str;
    /// What of the reply is read.
    type Output: DeserializeOwned + fmt::Debug + Send + Sync + 'static;
}

/// What tells one service from another.
#[derive(Clone, Copy, Debug)]
pub struct Service {
    /// The service's id, which names its endpoint variable, such as `AWS_ENDPOINT_URL_SAGEMAKER`.
    pub id: &'static str,
    /// How requests and replies are written.
    pub protocol: Protocol,
    /// The name that requests are signed for.
    pub signing_name: &'static str,
    /// The host, from the Region, the partition's DNS suffix, and whether FIPS is wanted.
    host: fn(&str, &str, bool) -> String,
}

/// How a service's requests and replies are written.
#[derive(Clone, Copy, Debug)]
pub enum Protocol {
    /// AWS JSON 1.1.
    Json {
        /// The prefix of `X-Amz-Target`.
        target: &'static str,
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

/// Application Auto Scaling, for what is taken as it is and put back as it was.
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

/// Most services' hosts. GovCloud's ordinary ones are the FIPS ones, but for dual stack.
fn host(label: &str, region: &str, suffix: &str, fips: bool) -> String {
    let has_own = fips && !(region.contains("us-gov-") && suffix == "amazonaws.com");
    format!("{label}{}.{region}.{suffix}", if has_own { "-fips" } else { "" })
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

/// A client of one service.
#[derive(Clone, Debug)]
pub struct JsonClient {
    service: Service,
    config: SdkConfig,
}

impl JsonClient {
    /// A client that costs nothing until it is used.
    pub fn new(service: Service, config: &SdkConfig) -> Self {
        Self { service, config: config.clone() }
    }

    /// Calls an operation, once.
    pub async fn call<I: Operation>(&self, input: I) -> Result<I::Output, SdkError<ErrorReply, HttpResponse>> {
        let address = self.address().await.map_err(SdkError::construction_failure)?;
        let protocol = self.service.protocol;
        let mut call = Orchestration::builder()
            .service_name(self.service.id)
            .operation_name(I::NAME)
            .endpoint_url(&address)
            .no_retry()
            .with_connection_poisoning()
            .interceptor(UserAgentInterceptor::new())
            .interceptor(InvocationIdInterceptor::new())
            .interceptor(RecursionDetectionInterceptor::new())
            .runtime_plugin(self.signing())
            .serializer(move |input: I| match protocol {
                Protocol::Json { target } => request(&format!("{target}.{}", I::NAME), &input),
                Protocol::Query { version } => query::request(I::NAME, version, &input),
            })
            .deserializer(move |response: &HttpResponse| match protocol {
                Protocol::Json { .. } => reply::<I::Output>(response),
                Protocol::Query { .. } => query::reply::<I::Output>(response),
            });
        if let Some(timeouts) = self.config.timeout_config() {
            call = call.timeout_config(timeouts.clone());
        }
        call.build().invoke(input).await
    }

    /// Where the service is, as its endpoint rules say.
    ///
    /// Those of SageMaker and of Application Auto Scaling differ in the host's first label only, so the partition's
    /// part comes from the latter's crate, which keeps up with new partitions.
    pub async fn address(&self) -> Result<String, BoxError> {
        let fips = self.config.use_fips().unwrap_or(false);
        let region = self.config.region().map(|region| region.as_ref().to_owned());
        let params = Params::builder()
            .set_region(region.clone())
            .use_fips(fips)
            .use_dual_stack(self.config.use_dual_stack().unwrap_or(false))
            .set_endpoint(self.configured_address())
            .build()?;
        let endpoint = DefaultResolver::new().resolve_endpoint(&params).await?;
        let url = endpoint.url();
        if params.endpoint().is_some() {
            return Ok(url.to_owned());
        }
        let region = region.unwrap_or_default();
        let (_, suffix) =
            url.split_once(&format!(".{region}.")).ok_or_else(|| format!("an address without its Region: {url}"))?;
        Ok(format!("https://{}", (self.service.host)(&region, suffix, fips)))
    }

    /// An address that was set in code, in `AWS_ENDPOINT_URL_…`, `AWS_ENDPOINT_URL` or a profile, in this order.
    fn configured_address(&self) -> Option<String> {
        let everywhere = || self.config.endpoint_url().map(str::to_owned);
        if self.config.get_origin("endpoint_url") == Origin::shared_config() {
            return everywhere();
        }
        let key = ServiceConfigKey::builder()
            .service_id(self.service.id)
            .env("AWS_ENDPOINT_URL")
            .profile("endpoint_url")
            .build()
            .expect("all parts are given");
        self.config.service_config().and_then(|config| config.load_config(key)).or_else(everywhere)
    }

    /// What generated clients put between the defaults and the call.
    fn signing(&self) -> impl RuntimePlugin + 'static {
        let mut layer = Layer::new("JsonClient");
        layer.store_put(AuthSchemeOptionResolverParams::new(()));
        layer.store_put(SigningName::from_static(self.service.signing_name));
        layer.store_put(AwsUserAgent::new_from_environment(
            Default::default(),
            ApiMetadata::new(self.service.signing_name, env!("CARGO_PKG_VERSION")),
        ));
        let mut signing = SigV4OperationSigningConfig::default();
        signing.signing_options.double_uri_encode = true;
        signing.signing_options.normalize_uri_path = true;
        layer.store_put(signing);
        if let Some(region) = self.config.region() {
            layer.store_put(SigningRegion::from(region.clone()));
        }
        let scheme = SharedAuthSchemeOptionResolver::new(StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID]));
        let mut components = RuntimeComponentsBuilder::new("JsonClient")
            .with_http_client(self.config.http_client())
            .with_sleep_impl(self.config.sleep_impl())
            .with_time_source(self.config.time_source())
            .with_identity_cache(Some(self.config.identity_cache().unwrap_or_else(|| IdentityCache::lazy().build())))
            .with_auth_scheme(SharedAuthScheme::new(SigV4AuthScheme::new()))
            .with_auth_scheme_option_resolver(Some(scheme));
        if let Some(credentials) = self.config.credentials_provider() {
            components.set_identity_resolver(SCHEME_ID, credentials);
        }
        StaticRuntimePlugin::new()
            .with_order(Order::Overrides)
            .with_config(layer.freeze())
            .with_runtime_components(components)
    }
}

fn request<I: Serialize>(target: &str, input: &I) -> Result<HttpRequest, BoxError> {
    let body = serde_json::to_vec(input)?;
    let request = http::Request::post("/")
        .header(http::header::CONTENT_TYPE, "application/x-amz-json-1.1")
        .header("x-amz-target", target)
        .header(http::header::CONTENT_LENGTH, body.len())
        .body(SdkBody::from(body))?;
    Ok(request.try_into()?)
}

fn reply<O: DeserializeOwned>(response: &HttpResponse) -> Result<O, OrchestratorError<ErrorReply>> {
    let body = response.body().bytes().unwrap_or_default();
    if response.status().is_success() {
        return serde_json::from_slice(body).map_err(|error| OrchestratorError::response(error.into()));
    }
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |names: &[&str]| names.iter().find_map(|name| body.get(name)?.as_str());
    let header = response.headers().get("x-amzn-errortype");
    let mut error = ErrorMetadata::builder();
    if let Some(code) = header.or_else(|| text(&["code", "__type"])) {
        error = error.code(bare(code));
    }
    if let Some(message) = text(&["message", "Message", "errorMessage"]) {
        error = error.message(message);
    }
    Err(OrchestratorError::operation(ErrorReply(error.build())))
}

/// `aws.protocoltests#FooError:http://…` is `FooError`.
fn bare(code: &str) -> &str {
    let code = code.split_once(':').map_or(code, |(code, _)| code);
    code.split_once('#').map_or(code, |(_, code)| code)
}
