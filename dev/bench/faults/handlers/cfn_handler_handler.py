"""Registers a variant as a scalable target: a handler for cfn-handler, as its documentation and examples show one."""

import boto3
from cfn_handler import CustomResource

resource = CustomResource()
try:
    scaling = boto3.client("application-autoscaling")
except Exception as error:
    resource.init_failure(error)


def target(event):
    properties = event["ResourceProperties"]
    return {
        "ServiceNamespace": "sagemaker",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
        "ResourceId": f"endpoint/{properties['EndpointName']}/variant/{properties['VariantName']}",
    }


@resource.create
@resource.update
def register(event, context):
    properties = event["ResourceProperties"]
    registered = scaling.register_scalable_target(
        **target(event), MinCapacity=int(properties["MinCapacity"]), MaxCapacity=int(properties["MaxCapacity"])
    )
    resource.physical_resource_id = target(event)["ResourceId"]
    return {"ScalableTargetARN": registered["ScalableTargetARN"]}


@resource.delete
def deregister(event, context):
    try:
        scaling.deregister_scalable_target(**target(event))
    except scaling.exceptions.ObjectNotFoundException:
        pass  # it is not registered


def handler(event, context):
    return resource(event, context)
