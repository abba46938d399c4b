//! The Lambda function: wiring only.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_smithy_runtime_api::client::http::{SharedHttpConnector, http_client_fn};
use aws_types::SdkConfig;
use futures_util::FutureExt as _;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use sagemaker_scaling::aws::Clients;
use sagemaker_scaling::deadline::Deadline;
use sagemaker_scaling::handler::{Services, Unanswered, handle};
use sagemaker_scaling::transport::{Connections, Roots};
use sagemaker_scaling::{logs, transport};
use serde_json::value::RawValue;
use tokio::time::timeout;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::util::SubscriberInitExt as _;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    set_up_logs();
    let (http, connections) = transport::client(roots());
    let config = configuration(http.clone()).await;
    let aws = Clients::new(&config, &http);
    let connections = open_connections(&aws, connections).await;
    let services = Services { aws, http, connections: Some(connections) };
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Box<RawValue>>| {
        let deadline = Deadline::new(event.context.deadline());
        handle(event.payload.get(), &event.context.invoked_function_arn, deadline, &services)
            .await
            .map_err(|error| diagnostic(&error))
    }))
    .await
}

/// Those of `SSL_CERT_FILE`, where it is set; the bundled ones also where it cannot be read, so that there is an answer.
fn roots() -> Roots {
    let Some(file) = variable("SSL_CERT_FILE") else { return Roots::bundled() };
    Roots::read(file.as_ref()).unwrap_or_else(|error| {
        tracing::warn!(%error, "SSL_CERT_FILE cannot be read");
        Roots::bundled()
    })
}

/// In Lambda, credentials are in the environment; elsewhere the whole chain looks for them.
///
/// The transport has a limit of its own for connections. Shorter ones are set by nobody but that chain's look for
/// instance metadata, which takes three seconds instead of one where nothing answers.
async fn configuration(http: SharedHttpConnector) -> SdkConfig {
    let mut config =
        aws_config::defaults(BehaviorVersion::latest()).http_client(http_client_fn(move |_, _| http.clone()));
    if variable("AWS_LAMBDA_FUNCTION_NAME").is_some() && variable("AWS_ACCESS_KEY_ID").is_some() {
        config = config.credentials_provider(EnvironmentVariableCredentialsProvider::new());
    }
    config.load().await
}

/// Does the handshakes before the first event, when the CPU is not throttled yet.
async fn open_connections(aws: &Clients, connections: Connections) -> Connections {
    // The SDK panics at an address that is set, and empty. The first request tells.
    let addresses = AssertUnwindSafe(aws.addresses()).catch_unwind().await.unwrap_or_default();
    let connections = connections.often_to(addresses);
    // The CPU of the start is worth little waiting: what comes later is used, too.
    drop(timeout(Duration::from_millis(500), connections.open_often()).await);
    connections
}

fn set_up_logs() {
    let level = variable("AWS_LAMBDA_LOG_LEVEL").and_then(|level| level.parse().ok());
    logs::subscriber(std::io::stdout, level.unwrap_or(LevelFilter::INFO)).init();
    std::panic::set_hook(Box::new(logs::on_panic));
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
