"""The endpoints that the requests in events/ name."""

from typing import Any

from demo.stage import LocalAws

ENDPOINT = "MyEndPoint"
VARIANTS = ("MyVariant", "MyOtherVariant")
ASYNCHRONOUS_ENDPOINT = "MyAsyncEndPoint"
SERVERLESS_ENDPOINT = "MyServerlessEndPoint"
POOLED_ENDPOINT = "MyPooledEndPoint"
COMPONENT = "MyInferenceComponent"
LARGER_CONFIG = "MyLargerConfig"
_COMPONENT_ENDPOINT = "MyComponentEndPoint"
INSTANCES = {"InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
SERVERLESS = {"ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 20, "ProvisionedConcurrency": 1}}
POOLS = {
    "InitialInstanceCount": 1,
    "InstancePools": [
        {"InstanceType": "ml.g6.2xlarge", "Priority": 1},
        {"InstanceType": "ml.g6e.2xlarge", "Priority": 2},
    ],
}
ASYNCHRONOUS = {"AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": "s3://my-bucket/answers/"}}}


def create_endpoint(
    aws: LocalAws,
    name: str = ENDPOINT,
    variants: tuple[str, ...] = VARIANTS,
    variant: dict[str, Any] = INSTANCES,
    **config: Any,
) -> None:
    """Creates an endpoint with equal variants. Without arguments, it is the one that most requests name."""
    production_variants = [{"VariantName": each, "ModelName": "model", **variant} for each in variants]
    names = {"EndpointConfigName": f"{name}-config"}
    aws.call("SageMaker.CreateEndpointConfig", **names, ProductionVariants=production_variants, **config)
    aws.call("SageMaker.CreateEndpoint", **names, EndpointName=name)


def create_component(aws: LocalAws, name: str, endpoint: str) -> None:
    """Creates an inference component and its endpoint."""
    create_endpoint(aws, endpoint, VARIANTS[:1])
    aws.call(
        "SageMaker.CreateInferenceComponent",
        InferenceComponentName=name,
        EndpointName=endpoint,
        VariantName=VARIANTS[0],
        RuntimeConfig={"CopyCount": 1},
    )


def create_other_endpoints(aws: LocalAws) -> None:
    """Creates an asynchronous endpoint, a serverless one, one on instance pools, and one with an inference component.

    Also creates a configuration for `ENDPOINT`, which does not run it: its first variant has another instance type.
    """
    create_endpoint(aws, ASYNCHRONOUS_ENDPOINT, VARIANTS[:1], **ASYNCHRONOUS)
    create_endpoint(aws, SERVERLESS_ENDPOINT, VARIANTS[:1], SERVERLESS)
    create_endpoint(aws, POOLED_ENDPOINT, VARIANTS[:1], POOLS)
    create_component(aws, COMPONENT, _COMPONENT_ENDPOINT)
    types = zip(VARIANTS, ("ml.m5.xlarge", "ml.m5.large"), strict=True)
    variants = [{"VariantName": name, "ModelName": "model", **INSTANCES, "InstanceType": kind} for name, kind in types]
    aws.call("SageMaker.CreateEndpointConfig", EndpointConfigName=LARGER_CONFIG, ProductionVariants=variants)
