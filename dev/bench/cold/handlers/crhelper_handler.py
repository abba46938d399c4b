"""Registers a variant as a scalable target: a handler for crhelper, as its documentation shows one."""

import boto3
from crhelper import CfnResource

handler = CfnResource()
try:
    sagemaker = boto3.client("sagemaker")
    scaling = boto3.client("application-autoscaling")
except Exception as error:
    handler.init_failure(error)


@handler.create
def register(event, context):
    properties = event["ResourceProperties"]
    sagemaker.describe_endpoint(EndpointName=properties["EndpointName"])
    resource = f"endpoint/{properties['EndpointName']}/variant/{properties['VariantName']}"
    registered = scaling.register_scalable_target(
        ServiceNamespace="sagemaker",
        ScalableDimension="sagemaker:variant:DesiredInstanceCount",
        ResourceId=resource,
        MinCapacity=int(properties["MinCapacity"]),
        MaxCapacity=int(properties["MaxCapacity"]),
        Tags={"stack-id": event["StackId"]},
    )
    handler.Data["ScalableTargetARN"] = registered["ScalableTargetARN"]
    return resource
