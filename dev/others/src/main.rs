//! Serves another implementation of AWS on a loopback port, for `make conformance-others`.

use std::collections::HashMap;
use std::env::args;
use std::error::Error;
use std::net::Ipv4Addr;
use std::sync::Arc;

use awsim_application_autoscaling::AppAutoScalingService;
use awsim_core::gateway::handle_request;
use awsim_core::{AppState, ServiceHandler};
use awsim_ssm::SsmService;
use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use winterbaume_applicationautoscaling::ApplicationAutoScalingService;
use winterbaume_core::{MockRequest, MockService};
use winterbaume_sagemaker::SageMakerService;

const ACCOUNT: &str = "111122223333";
const REGION: &str = "us-east-1";
const MAX_BODY_BYTES: usize = 1 << 20;

/// Winterbaume's services, by the prefix of their operations in `X-Amz-Target`.
type Services = HashMap<&'static str, Box<dyn MockService>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let (Some(name), Some(port)) = (args().nth(1), args().nth(2)) else {
        return Err("usage: others awsim|winterbaume PORT".into());
    };
    let router = match name.as_str() {
        "awsim" => awsim(),
        "winterbaume" => winterbaume(),
        _ => return Err(format!("{name}: expected awsim or winterbaume").into()),
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port.parse()?)).await?;
    Ok(axum::serve(listener, router).await?)
}

fn awsim() -> Router {
    let mut state = AppState::new(REGION.to_owned(), ACCOUNT.to_owned());
    let services: [Arc<dyn ServiceHandler>; 2] = [Arc::new(AppAutoScalingService::new()), Arc::new(SsmService::new())];
    for service in services {
        let routes = service.routes();
        state.register(service, routes);
    }
    Router::new().fallback(handle_request).with_state(state)
}

fn winterbaume() -> Router {
    let services: Services = HashMap::from([
        ("AnyScaleFrontendService", Box::new(ApplicationAutoScalingService::new()) as Box<dyn MockService>),
        ("SageMaker", Box::new(SageMakerService::new())),
        ("AmazonSSM", Box::new(winterbaume_ssm::SsmService::new())),
    ]);
    Router::new().fallback(mock).with_state(Arc::new(services))
}

/// Lets the service of a request answer it. Winterbaume's own connector does the same for the Rust SDK.
async fn mock(State(services): State<Arc<Services>>, request: Request) -> Result<Response, StatusCode> {
    let (parts, body) = request.into_parts();
    let service = target(&parts.headers).and_then(|prefix| services.get(prefix)).ok_or(StatusCode::NOT_FOUND)?;
    let uri = format!("https://{}.{REGION}.amazonaws.com/", service.service_name());
    let body: Bytes = to_bytes(body, MAX_BODY_BYTES).await.map_err(|_| StatusCode::PAYLOAD_TOO_LARGE)?;
    let request = MockRequest { method: parts.method.to_string(), uri, headers: parts.headers, body };
    let reply = service.handle(request).await;
    let status = StatusCode::from_u16(reply.status).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok((status, reply.headers, reply.body).into_response())
}

fn target(headers: &HeaderMap) -> Option<&str> {
    headers.get("x-amz-target")?.to_str().ok()?.split('.').next()
}
