"""The endpoints that the requests of events/ are about."""

from typing import Any

from demo.stage import LocalAws

ENDPOINT = "MyEndPoint"
VARIANTS = ("MyVariant", "MyOtherVariant")
ASYNCHRONOUS_ENDPOINT = "MyAsyncEndPoint"
SERVERLESS_ENDPOINT = "MyServerlessEndPoint"
COMPONENT = "MyInferenceComponent"
LARGER_CONFIG = "MyLargerConfig"
_COMPONENT_ENDPOINT = "MyComponentEndPoint"
_INSTANCES = {"InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
_SERVERLESS = {"ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 20, "ProvisionedConcurrency": 1}}


def create_endpoint(
    aws: LocalAws,
    name: str = ENDPOINT,
    variants: tuple[str, ...] = VARIANTS,
    variant: dict[str, Any] = _INSTANCES,
    **config: Any,
) -> None:
    """Makes an endpoint whose variants are alike; without a name, the ordinary one."""
    production_variants = [{"VariantName": each, "ModelName": "model", **variant} for each in variants]
    names = {"EndpointConfigName": f"{name}-config"}
    aws.call("SageMaker.CreateEndpointConfig", **names, ProductionVariants=production_variants, **config)
    aws.call("SageMaker.CreateEndpoint", **names, EndpointName=name)


def create_other_endpoints(aws: LocalAws) -> None:
    """Makes the others: an asynchronous and a serverless endpoint, and one with an inference component.

    And a configuration that the ordinary endpoint does not run, with another instance type for its first variant.
    """
    output = {"OutputConfig": {"S3OutputPath": "s3://my-bucket/answers/"}}
    create_endpoint(aws, ASYNCHRONOUS_ENDPOINT, VARIANTS[:1], AsyncInferenceConfig=output)
    create_endpoint(aws, SERVERLESS_ENDPOINT, VARIANTS[:1], _SERVERLESS)
    create_endpoint(aws, _COMPONENT_ENDPOINT, VARIANTS[:1])
    aws.call(
        "SageMaker.CreateInferenceComponent",
        InferenceComponentName=COMPONENT,
        EndpointName=_COMPONENT_ENDPOINT,
        VariantName=VARIANTS[0],
        RuntimeConfig={"CopyCount": 1},
    )
    types = zip(VARIANTS, ("ml.m5.xlarge", "ml.m5.large"), strict=True)
    variants = [{"VariantName": name, "ModelName": "model", **_INSTANCES, "InstanceType": kind} for name, kind in types]
    aws.call("SageMaker.CreateEndpointConfig", EndpointConfigName=LARGER_CONFIG, ProductionVariants=variants)
