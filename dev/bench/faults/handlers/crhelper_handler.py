"""Registers a variant as a scalable target: a handler for crhelper, as its documentation shows one."""

import boto3
from crhelper import CfnResource

handler = CfnResource()
try:
    scaling = boto3.client("application-autoscaling")
except Exception as error:
    handler.init_failure(error)


def target(event):
    properties = event["ResourceProperties"]
    return {
        "ServiceNamespace": "sagemaker",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
        "ResourceId": f"endpoint/{properties['EndpointName']}/variant/{properties['VariantName']}",
    }


@handler.create
@handler.update
def register(event, context):
    properties = event["ResourceProperties"]
    registered = scaling.register_scalable_target(
        **target(event), MinCapacity=int(properties["MinCapacity"]), MaxCapacity=int(properties["MaxCapacity"])
    )
    handler.Data["ScalableTargetARN"] = registered["ScalableTargetARN"]
    return target(event)["ResourceId"]


@handler.delete
def deregister(event, context):
    try:
        scaling.deregister_scalable_target(**target(event))
    except scaling.exceptions.ObjectNotFoundException:
        pass  # it is not registered
