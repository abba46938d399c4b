//! Registers a variant as a scalable target, in the usual way.
//!
//! `aws-sdk-sagemaker` takes 5.4 GiB to compile. So that anybody can run the benchmark, `DescribeScalableTargets`
//! replaces the call to SageMaker: as many handshakes and signatures, but a smaller binary.

use std::collections::HashMap;

use aws_config::BehaviorVersion;
use aws_lambda_events::cloudformation::CloudFormationCustomResourceRequest;
use aws_lambda_events::cloudformation::{
    CloudFormationCustomResourceResponse, CloudFormationCustomResourceResponseStatus,
};
use aws_sdk_applicationautoscaling::Client;
use aws_sdk_applicationautoscaling::types::{ScalableDimension, ServiceNamespace};
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

type Request = CloudFormationCustomResourceRequest<Properties, Properties>;

struct Clients {
    scaling: Client,
    sagemaker: Client,
    http: reqwest::Client,
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let at_sagemaker = config.to_builder().endpoint_url(std::env::var("AWS_ENDPOINT_URL_SAGEMAKER")?).build();
    let clients =
        Clients { scaling: Client::new(&config), sagemaker: Client::new(&at_sagemaker), http: reqwest::Client::new() };
    run(service_fn(|event: LambdaEvent<Request>| handle(event.payload, &clients))).await
}

async fn handle(request: Request, clients: &Clients) -> Result<(), Error> {
    let CloudFormationCustomResourceRequest::Create(request) = request else {
        return Err("only Create is measured".into());
    };
    let properties = &request.resource_properties;
    let mut response = CloudFormationCustomResourceResponse::default();
    response.physical_resource_id =
        format!("endpoint/{}/variant/{}", properties.endpoint_name, properties.variant_name);
    match register(clients, properties, &response.physical_resource_id, &request.stack_id).await {
        Ok(arn) => response.data = HashMap::from([("ScalableTargetARN".to_owned(), arn)]),
        Err(error) => {
            response.status = CloudFormationCustomResourceResponseStatus::Failed;
            response.reason = Some(error.to_string());
        }
    }
    response.stack_id = request.stack_id;
    response.request_id = request.request_id;
    response.logical_resource_id = request.logical_resource_id;
    let body = serde_json::to_string(&response)?;
    clients.http.put(request.response_url).body(body).send().await?.error_for_status()?;
    Ok(())
}

async fn register(clients: &Clients, properties: &Properties, resource: &str, stack: &str) -> Result<String, Error> {
    let described = clients.sagemaker.describe_scalable_targets().service_namespace(ServiceNamespace::Sagemaker);
    described.resource_ids(resource).send().await?;
    let registered = clients
        .scaling
        .register_scalable_target()
        .service_namespace(ServiceNamespace::Sagemaker)
        .scalable_dimension(ScalableDimension::SageMakerVariantDesiredInstanceCount)
        .resource_id(resource)
        .min_capacity(properties.min_capacity.parse()?)
        .max_capacity(properties.max_capacity.parse()?)
        .tags("stack-id", stack)
        .send()
        .await?;
    Ok(registered.scalable_target_arn.unwrap_or_default())
}
