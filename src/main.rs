//! The Lambda function: wiring only.

use std::panic::AssertUnwindSafe;

use aws_config::BehaviorVersion;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_smithy_runtime_api::client::http::{SharedHttpConnector, http_client_fn};
use aws_types::SdkConfig;
use futures_util::FutureExt as _;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use sagemaker_scaling::aws::Clients;
use sagemaker_scaling::deadline::Deadline;
use sagemaker_scaling::handler::{Services, Unanswered, handle};
use sagemaker_scaling::http::{Connections, Roots, client};
use sagemaker_scaling::observability::log;
use sagemaker_scaling::timing::PRECONNECT_BUDGET;
use serde_json::value::RawValue;
use tokio::time::timeout;
use tracing_subscriber::util::SubscriberInitExt as _;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    set_up_log();
    let (http, connections) = client(roots());
    let config = configuration(http.clone()).await;
    let aws = Clients::new(&config, &http);
    let connections = preconnect(&aws, connections).await;
    let services = Services { aws, http, connections: Some(connections) };
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Box<RawValue>>| {
        let deadline = Deadline::new(event.context.deadline());
        handle(event.payload.get(), &event.context.invoked_function_arn, deadline, &services)
            .await
            .map_err(|error| diagnostic(&error))
    }))
    .await
}

/// The roots of `SSL_CERT_FILE`, or the bundled ones if it is unset or cannot be read, so that there is an answer.
fn roots() -> Roots {
    let Some(file) = variable("SSL_CERT_FILE") else { return Roots::bundled() };
    Roots::read(file.as_ref()).unwrap_or_else(|error| {
        tracing::warn!(%error, "SSL_CERT_FILE cannot be read");
        Roots::bundled()
    })
}

/// The SDK's configuration. In Lambda, credentials are in the environment; elsewhere the whole chain looks for them.
///
/// The client has a connect timeout of its own, which overrides the SDK's. So the look-up of instance metadata waits three
/// seconds instead of one if nothing replies.
async fn configuration(http: SharedHttpConnector) -> SdkConfig {
    let mut config =
        aws_config::defaults(BehaviorVersion::latest()).http_client(http_client_fn(move |_, _| http.clone()));
    if variable("AWS_LAMBDA_FUNCTION_NAME").is_some() && variable("AWS_ACCESS_KEY_ID").is_some() {
        config = config.credentials_provider(EnvironmentVariableCredentialsProvider::new());
    }
    config.load().await
}

/// Does the handshakes before the first event, while Lambda does not throttle the CPU.
async fn preconnect(aws: &Clients, connections: Connections) -> Connections {
    // The SDK panics if an address is set to nothing. The first request reports it.
    let origins = AssertUnwindSafe(aws.origins()).catch_unwind().await.unwrap_or_default();
    let connections = connections.with_origins(origins);
    // A connection that opens later is used, too.
    drop(timeout(PRECONNECT_BUDGET, connections.preconnect_origins()).await);
    connections
}

fn set_up_log() {
    log::subscriber(std::io::stdout, log::level(variable("AWS_LAMBDA_LOG_LEVEL").as_deref())).init();
    std::panic::set_hook(Box::new(log::on_panic));
}

#[expect(clippy::disallowed_methods, reason = "configuration is read here")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn diagnostic(error: &Unanswered) -> Diagnostic {
    let error_type = match error {
        Unanswered::NoReplyAddress(_) => "NoReplyAddress",
        Unanswered::Panicked => "Panicked",
        Unanswered::Undelivered(_) => "Undelivered",
    };
    Diagnostic { error_type: error_type.to_owned(), error_message: error.to_string() }
}
