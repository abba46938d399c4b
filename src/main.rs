//! The Lambda function: wiring only.

use aws_config::BehaviorVersion;
use aws_smithy_runtime_api::client::http::http_client_fn;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use sagemaker_scaling::aws::Clients;
use sagemaker_scaling::deadline::Deadline;
use sagemaker_scaling::handler::{Services, Unanswered, handle};
use sagemaker_scaling::{logs, transport};
use serde_json::value::RawValue;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::util::SubscriberInitExt as _;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    set_up_logs();
    let http = transport::connector();
    let for_credentials = http.clone();
    let config = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http_client_fn(move |_, _| for_credentials.clone()))
        .load()
        .await;
    let services = Services { aws: Clients::new(&config, &http), http };
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Box<RawValue>>| {
        let deadline = Deadline::new(event.context.deadline());
        handle(event.payload.get(), &event.context.invoked_function_arn, deadline, &services)
            .await
            .map_err(|error| diagnostic(&error))
    }))
    .await
}

fn set_up_logs() {
    #[expect(clippy::disallowed_methods, reason = "configuration is read here")]
    let level = std::env::var("AWS_LAMBDA_LOG_LEVEL").ok().and_then(|level| level.parse().ok());
    logs::subscriber(std::io::stdout, level.unwrap_or(LevelFilter::INFO)).init();
    std::panic::set_hook(Box::new(logs::on_panic));
}

fn diagnostic(error: &Unanswered) -> Diagnostic {
    let error_type = match error {
        Unanswered::NoReplyAddress(_) => "NoReplyAddress",
        Unanswered::Panicked => "Panicked",
        Unanswered::Undelivered(_) => "Undelivered",
    };
    Diagnostic { error_type: error_type.to_owned(), error_message: error.to_string() }
}
