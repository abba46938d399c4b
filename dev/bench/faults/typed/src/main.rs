//! Registers a variant as a scalable target: a typed handler, as it is usually written.
//!
//! It answers failures of its own work, checks the status of its answer, and treats a missing target as deleted.

use std::collections::HashMap;

use aws_config::BehaviorVersion;
use aws_lambda_events::cloudformation::CloudFormationCustomResourceRequest::{self, Create, Delete, Update};
use aws_lambda_events::cloudformation::{
    CloudFormationCustomResourceResponse, CloudFormationCustomResourceResponseStatus,
};
use aws_sdk_applicationautoscaling::Client;
use aws_sdk_applicationautoscaling::error::DisplayErrorContext;
use aws_sdk_applicationautoscaling::types::{ScalableDimension, ServiceNamespace};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing};
use serde::{Deserialize, Serialize};

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Properties {
    endpoint_name: String,
    variant_name: String,
    min_capacity: String,
    max_capacity: String,
}

impl Properties {
    fn resource_id(&self) -> String {
        format!("endpoint/{}/variant/{}", self.endpoint_name, self.variant_name)
    }
}

type Request = CloudFormationCustomResourceRequest<Properties, Properties>;
type Data = HashMap<String, String>;

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    // The project's choice of TLS; the stub of the service speaks plain HTTP.
    let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let config = aws_config::defaults(BehaviorVersion::latest()).http_client(http).load().await;
    let scaling = Client::new(&config);
    let http = reqwest::Client::new();
    run(service_fn(|event: LambdaEvent<Request>| handle(event.payload, &scaling, &http))).await
}

async fn handle(request: Request, scaling: &Client, http: &reqwest::Client) -> Result<(), Error> {
    let (url, mut response, work) = match request {
        Create(request) => {
            let work = register(scaling, &request.resource_properties).await;
            let id = request.resource_properties.resource_id();
            (request.response_url, respond(request.stack_id, request.request_id, request.logical_resource_id, id), work)
        }
        Update(request) => {
            let work = register(scaling, &request.resource_properties).await;
            // A failed Update keeps its id.
            let id =
                if work.is_ok() { request.resource_properties.resource_id() } else { request.physical_resource_id };
            (request.response_url, respond(request.stack_id, request.request_id, request.logical_resource_id, id), work)
        }
        Delete(request) => {
            let work = deregister(scaling, &request.resource_properties).await;
            let id = request.physical_resource_id;
            (request.response_url, respond(request.stack_id, request.request_id, request.logical_resource_id, id), work)
        }
        _ => return Err("unknown request type".into()),
    };
    match work {
        Ok(data) => response.data = data,
        Err(error) => {
            response.status = CloudFormationCustomResourceResponseStatus::Failed;
            response.reason = Some(error.to_string());
        }
    }
    http.put(url).body(serde_json::to_string(&response)?).send().await?.error_for_status()?;
    Ok(())
}

fn respond(stack: String, request: String, logical: String, physical: String) -> CloudFormationCustomResourceResponse {
    let mut response = CloudFormationCustomResourceResponse::default();
    response.stack_id = stack;
    response.request_id = request;
    response.logical_resource_id = logical;
    response.physical_resource_id = physical;
    response
}

async fn register(scaling: &Client, properties: &Properties) -> Result<Data, Error> {
    let registered = scaling
        .register_scalable_target()
        .service_namespace(ServiceNamespace::Sagemaker)
        .scalable_dimension(ScalableDimension::SageMakerVariantDesiredInstanceCount)
        .resource_id(properties.resource_id())
        .min_capacity(properties.min_capacity.parse()?)
        .max_capacity(properties.max_capacity.parse()?)
        .send()
        .await
        .map_err(|error| DisplayErrorContext(error).to_string())?;
    let arn = registered.scalable_target_arn.unwrap_or_default();
    Ok(Data::from([("ScalableTargetARN".to_owned(), arn)]))
}

async fn deregister(scaling: &Client, properties: &Properties) -> Result<Data, Error> {
    let deregistered = scaling
        .deregister_scalable_target()
        .service_namespace(ServiceNamespace::Sagemaker)
        .scalable_dimension(ScalableDimension::SageMakerVariantDesiredInstanceCount)
        .resource_id(properties.resource_id())
        .send()
        .await;
    match deregistered {
        Ok(_) => Ok(Data::new()),
        Err(error) if error.as_service_error().is_some_and(|error| error.is_object_not_found_exception()) => {
            Ok(Data::new())
        }
        Err(error) => Err(DisplayErrorContext(error).to_string().into()),
    }
}
