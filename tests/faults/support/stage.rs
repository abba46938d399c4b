//! One function between AWS and CloudFormation. Everything that leaves it is searched for secrets.

use std::time::{Duration, SystemTime};

use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use serde_json::{Value, json};
use test_support::function::{
    Deadline, FUNCTION_ARN, MAX_BODY_BYTES, Services, Unanswered, handle, log, services, shipped_connector,
};
use test_support::log::Log;
use test_support::loopback::ClosedPort;
use test_support::request::Request;
use test_support::secrets::{assert_no_secret, made_years_ago, signatures};
use tokio::time::Instant;
use tracing::instrument::WithSubscriber as _;
use tracing::level_filters::LevelFilter;

use super::aws::Aws;
use super::cloudformation::CloudFormation;

/// Enough for every request that succeeds.
pub(crate) const AMPLE: Duration = Duration::from_secs(30);
/// Enough for a few attempts.
pub(crate) const SHORT: Duration = Duration::from_secs(2);
/// What a busy machine may add to a deadline.
const SLACK: Duration = Duration::from_secs(2);

/// The function as one process keeps it: it serves request after request.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) aws: Aws,
    pub(crate) cloudformation: CloudFormation,
    services: Services,
}

impl Stage {
    /// Starts with the shipped connector.
    pub(crate) async fn new() -> Self {
        Self::with(shipped_connector()).await
    }

    /// Starts with another connector.
    pub(crate) async fn with(http: SharedHttpConnector) -> Self {
        let aws = Aws::start().await;
        let services = services(http, Some(&aws.address()));
        Self { aws, cloudformation: CloudFormation::start().await, services }
    }

    /// Starts with an address of AWS that refuses connections.
    pub(crate) async fn without_aws(refusing: &ClosedPort) -> Self {
        let address = format!("http://127.0.0.1:{}", refusing.number());
        Self { services: services(shipped_connector(), Some(&address)), ..Self::new().await }
    }

    /// A request with the response URL of this stage. A Delete is made to be old, so that it does not wait for a Create that
    /// is as young; any other request is young.
    pub(crate) fn addressed(&self, request: Request) -> Request {
        let mut url = self.cloudformation.url();
        if request.0["RequestType"] == "Delete" {
            url = made_years_ago(&url);
        }
        request.field("ResponseURL", json!(url))
    }

    /// Invokes the function as Lambda does, and searches all its output for secrets.
    pub(crate) async fn invoke(&self, payload: &str, timeout: Duration) -> Result<(), Unanswered> {
        self.invoke_by(payload, Deadline::new(SystemTime::now() + timeout), timeout).await
    }

    /// The same, without the search, and with the current subscriber.
    pub(crate) async fn handle(&self, payload: &str, deadline: Deadline) -> Result<(), Unanswered> {
        handle(payload, FUNCTION_ARN, deadline, &self.services).await.map(drop)
    }

    /// The same, with a deadline of its own.
    pub(crate) async fn invoke_by(
        &self,
        payload: &str,
        deadline: Deadline,
        timeout: Duration,
    ) -> Result<(), Unanswered> {
        let log = Log::default();
        let writer = log.clone();
        let shipped = log::subscriber(move || writer.clone(), LevelFilter::TRACE);
        let (calls, puts) = (self.aws.received().len(), self.cloudformation.puts().len());
        let start = Instant::now();
        let outcome = self.handle(payload, deadline).with_subscriber(shipped).await;
        assert!(start.elapsed() < timeout + SLACK, "{:?} of {timeout:?}", start.elapsed());
        assert!(outcome.is_err() || log.text().contains("\"request finished\""), "{}", log.text());

        let signatures = signatures(&self.aws.received()[calls..]);
        let mut shown = vec![log.text(), format!("{outcome:?}")];
        shown.extend(outcome.as_ref().err().map(ToString::to_string));
        shown.extend(self.cloudformation.puts().drain(puts..).map(|put| put.body));
        for text in shown {
            assert_no_secret(&text, &signatures);
        }
        outcome
    }

    /// Sends a request, checks that the answer is valid, and returns it.
    pub(crate) async fn answer(&self, request: Request, timeout: Duration) -> Value {
        let before = self.cloudformation.puts().len();
        let Request(payload) = self.addressed(request);
        self.invoke(&payload.to_string(), timeout).await.expect("an answer is accepted");
        let puts = self.cloudformation.puts();
        let put = puts.last().filter(|_| puts.len() > before).expect("an answer to this request");
        assert!(put.body.len() <= MAX_BODY_BYTES, "{} bytes", put.body.len());
        let answer = self.cloudformation.answer();
        for name in ["StackId", "RequestId", "LogicalResourceId"] {
            assert_eq!(answer[name].as_str(), Some(payload[name].as_str().unwrap_or_default()), "{name}");
        }
        assert!(answer["PhysicalResourceId"].as_str().is_some_and(|id| !id.is_empty()), "{answer}");
        answer
    }

    /// Sends a request that has to succeed, and returns the id.
    pub(crate) async fn succeed(&self, request: Request) -> String {
        let answer = self.answer(request, AMPLE).await;
        assert_eq!(answer["Status"], "SUCCESS", "{answer}");
        answer["PhysicalResourceId"].as_str().expect("text").to_owned()
    }

    /// Sends a request that has to fail, and returns the reason and the id.
    pub(crate) async fn refuse(&self, request: Request, timeout: Duration) -> (String, String) {
        let answer = self.answer(request, timeout).await;
        assert_eq!(answer["Status"], "FAILED", "{answer}");
        let text = |name: &str| answer[name].as_str().expect("text").to_owned();
        (text("Reason"), text("PhysicalResourceId"))
    }
}
