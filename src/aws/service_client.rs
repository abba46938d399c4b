//! A client for one AWS service, built on the SDK's runtime. It replaces SDK crates that cost too much to compile:
//! `aws-sdk-sagemaker` takes 5.4 GiB, for three calls.
//!
//! It does what the generated code of such a crate does: request, reply, error, address. The tests in `dev/oracle` compare
//! all of it with the official crate.

use std::convert::Infallible;
use std::fmt::Debug;
use std::sync::Arc;

use aws_runtime::auth::SigV4OperationSigningConfig;
use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_runtime::invocation_id::InvocationIdInterceptor;
use aws_runtime::recursion_detection::RecursionDetectionInterceptor;
use aws_runtime::user_agent::{ApiMetadata, AwsUserAgent, UserAgentInterceptor};
use aws_sdk_applicationautoscaling::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
use aws_smithy_runtime::client::identity::IdentityCache;
use aws_smithy_runtime::client::orchestrator::operation::Operation as Orchestration;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::auth::{
    AuthSchemeOptionResolverParams, SharedAuthScheme, SharedAuthSchemeOptionResolver,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::{Order, RuntimePlugin, StaticRuntimePlugin};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::Layer;
use aws_types::SdkConfig;
use aws_types::region::SigningRegion;
use aws_types::service_config::ServiceConfigKey;
use aws_types::{SigningName, origin::Origin};
use futures_util::future::BoxFuture;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::operation::Operation;
use super::protocol::{ErrorReply, Protocol, Service, Unwanted};
use super::{invoke, json, query};

/// A client of one service.
#[derive(Clone, Debug)]
pub struct ServiceClient {
    service: Service,
    transport: Arc<dyn Transport>,
}

/// Sends a request to a service and receives its reply, in one attempt.
pub trait Transport: Debug + Send + Sync {
    /// Sends the request of an operation. Returns each reply, also an error of the service.
    fn send(&self, operation: Operation, request: HttpRequest) -> Sending<'_>;
}

/// A request on its way.
pub type Sending<'a> = BoxFuture<'a, Result<HttpResponse, SdkError<Infallible, HttpResponse>>>;

impl ServiceClient {
    /// Makes a client on the SDK's own runtime. It does nothing until it is used.
    pub fn new(service: Service, config: &SdkConfig) -> Self {
        Self::over(service, Arc::new(SdkTransport::new(service, config)))
    }

    /// Makes a client that sends its requests through a transport.
    pub fn over(service: Service, transport: Arc<dyn Transport>) -> Self {
        Self { service, transport }
    }

    /// Makes one attempt of a call. Reads the members of the reply that `O` has.
    pub async fn call<O>(&self, operation: Operation, input: Value) -> Result<O, SdkError<ErrorReply, HttpResponse>>
    where
        O: DeserializeOwned,
    {
        let protocol = self.service.protocol;
        let request = match protocol {
            Protocol::Json { target } => json::request(&format!("{target}.{}", operation.name()), &input),
            Protocol::Invoke { version } => invoke::request(version, input),
            Protocol::Query { version } => query::request(operation.name(), version, input),
        };
        let request = request.map_err(SdkError::construction_failure)?;
        let sent = self.transport.send(operation, request).await;
        let response = sent.map_err(|error| error.map_service_error(|never| match never {}))?;
        let read = match protocol {
            Protocol::Json { .. } => json::reply(&response),
            Protocol::Invoke { .. } => invoke::reply(&response),
            Protocol::Query { .. } => query::reply(&response),
        };
        read.map_err(|unwanted| match unwanted {
            Unwanted::Error(error) => SdkError::service_error(error, response),
            Unwanted::Unreadable(error) => SdkError::response_error(error, response),
        })
    }
}

/// The SDK's own runtime, as it carries the requests of one service.
#[derive(Clone, Debug)]
pub struct SdkTransport {
    service: Service,
    config: SdkConfig,
}

impl Transport for SdkTransport {
    fn send(&self, operation: Operation, request: HttpRequest) -> Sending<'_> {
        Box::pin(async move {
            let address = self.address().await.map_err(SdkError::construction_failure)?;
            let mut call = Orchestration::builder()
                .service_name(self.service.id)
                .operation_name(operation.name())
                .endpoint_url(&address)
                .no_retry()
                .with_connection_poisoning()
                .interceptor(UserAgentInterceptor::new())
                .interceptor(InvocationIdInterceptor::new())
                .interceptor(RecursionDetectionInterceptor::new())
                .runtime_plugin(self.signing())
                .serializer(Ok)
                .deserializer(|response: &HttpResponse| Ok(copy(response)));
            if let Some(timeouts) = self.config.timeout_config() {
                call = call.timeout_config(timeouts.clone());
            }
            call.build().invoke(request).await
        })
    }
}

impl SdkTransport {
    /// Makes the transport for a service.
    pub fn new(service: Service, config: &SdkConfig) -> Self {
        Self { service, config: config.clone() }
    }

    /// The address of the service.
    ///
    /// The endpoint rules of these services and of Application Auto Scaling differ only in the first label of the host.
    /// So the partition's part comes from the crate of Application Auto Scaling, which keeps up with new partitions.
    pub async fn address(&self) -> Result<String, BoxError> {
        let fips = self.config.use_fips().unwrap_or(false);
        let region = self.config.region().map(|region| region.as_ref()).unwrap_or_default();
        let params = Params::builder()
            .set_region(self.config.region().map(|region| region.as_ref().to_owned()))
            .use_fips(fips)
            .use_dual_stack(self.config.use_dual_stack().unwrap_or(false))
            .set_endpoint(self.configured_address())
            .build()?;
        let endpoint = DefaultResolver::new().resolve_endpoint(&params).await?;
        let url = endpoint.url();
        if params.endpoint().is_some() {
            return Ok(url.to_owned());
        }
        let (_, suffix) =
            url.split_once(&format!(".{region}.")).ok_or_else(|| format!("an address without its Region: {url}"))?;
        Ok(format!("https://{}", (self.service.host)(region, suffix, fips)))
    }

    /// The address that is set in code, in `AWS_ENDPOINT_URL_…`, `AWS_ENDPOINT_URL` or a profile, in this order.
    ///
    /// A profile names a service in a form of its own. `aws-config` reads `application-auto-scaling`, and AWS documents
    /// `application_auto_scaling`: <https://docs.aws.amazon.com/sdkref/latest/guide/ss-endpoints-table.html>.
    pub(super) fn configured_address(&self) -> Option<String> {
        let for_all = || self.config.endpoint_url().map(str::to_owned);
        if self.config.get_origin("endpoint_url") == Origin::shared_config() {
            return for_all();
        }
        let load = |id: &str| {
            let key =
                ServiceConfigKey::builder().service_id(id).env("AWS_ENDPOINT_URL").profile("endpoint_url").build();
            self.config.service_config()?.load_config(key.expect("all parts are given"))
        };
        // `aws-config` falls back to the address for all services, and does not say so.
        let shared = load("");
        let own = [self.service.id, &self.service.id.replace(' ', "_")].map(load);
        own.into_iter().find(|own| *own != shared).unwrap_or(shared).or_else(for_all)
    }

    /// The parts of a client that the SDK generates for its own: signing, user agent, time, credentials.
    fn signing(&self) -> impl RuntimePlugin + 'static {
        let mut layer = Layer::new("ServiceClient");
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
        let mut components = RuntimeComponentsBuilder::new("ServiceClient")
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

/// A copy of a reply whose body was read.
fn copy(response: &HttpResponse) -> HttpResponse {
    let mut copy = HttpResponse::new(response.status(), response.body().try_clone().unwrap_or_else(SdkBody::empty));
    *copy.headers_mut() = response.headers().clone();
    copy
}
