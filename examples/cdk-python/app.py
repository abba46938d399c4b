"""A CDK app: an endpoint that scales, and that can be updated while it scales."""

from typing import Any

from aws_cdk import App, CfnParameter, CustomResource, Duration, Fn, Stack
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct


class ScaledEndpoint(Stack):
    """The endpoint, its gate and its scaling."""

    def __init__(self, scope: Construct, name: str) -> None:
        super().__init__(scope, name)
        endpoint_name = CfnParameter(self, "EndpointName").value_as_string
        model_name = CfnParameter(self, "ModelName").value_as_string

        variant = sagemaker.CfnEndpointConfig.ProductionVariantProperty(
            variant_name="AllTraffic", model_name=model_name, instance_type="ml.m5.large", initial_instance_count=1
        )
        # It has no name, so CloudFormation gives a changed configuration a new name.
        config = sagemaker.CfnEndpointConfig(self, "Config", production_variants=[variant])
        gate = self.custom(
            "Gate",
            "Custom::SageMakerEndpointUpdateGate",
            {
                "EndpointName": endpoint_name,
                "EndpointConfigName": config.attr_endpoint_config_name,
            },
        )
        endpoint = sagemaker.CfnEndpoint(
            self,
            "Endpoint",
            endpoint_name=endpoint_name,
            # Passes through the gate, so CloudFormation updates the gate first.
            endpoint_config_name=gate.get_att_string("EndpointConfigName"),
            retain_all_variant_properties=True,
        )
        self.custom(
            "Scaling",
            "Custom::SageMakerScalableTarget",
            {
                "EndpointName": endpoint.attr_endpoint_name,
                "VariantName": "AllTraffic",
                "UpdateGate": gate.ref,
                "MinCapacity": 1,
                "MaxCapacity": 4,
                "ScalingPolicies": [
                    {
                        "PolicyName": "Invocations",
                        "PolicyType": "TargetTrackingScaling",
                        "TargetTrackingScalingPolicyConfiguration": {
                            "TargetValue": 70,
                            "PredefinedMetricSpecification": {
                                "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance",
                            },
                        },
                    },
                ],
            },
        )

    def custom(self, name: str, resource_type: str, properties: dict[str, Any]) -> CustomResource:
        """A resource of the function that template.yaml deploys."""
        return CustomResource(
            self,
            name,
            service_token=Fn.import_value("sagemaker-scaling-ServiceToken"),
            service_timeout=Duration.seconds(3000),
            resource_type=resource_type,
            properties=properties,
        )


app = App()
ScaledEndpoint(app, "scaled-endpoint")
app.synth()
