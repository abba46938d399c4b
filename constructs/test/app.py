"""The CDK app of app.ts, in Python."""

from datetime import datetime, timezone

from aws_cdk import App, CfnParameter, Duration, Stack, TimeZone
from aws_cdk import aws_applicationautoscaling as autoscaling
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct
from sagemaker_scaling_constructs import (
    IScalingProvider,
    SageMakerMetric,
    SageMakerScaling,
    ScaledEndpoint,
    ScalingFunction,
    ScalingTarget,
)

Variant = sagemaker.CfnEndpointConfig.ProductionVariantProperty


class Endpoints(Stack):
    """Every kind of scaling, beside its endpoint."""

    def __init__(self, scope: Construct, name: str) -> None:
        super().__init__(scope, name)
        most_instances = CfnParameter(self, "MostInstances", type="Number", default=4).value_as_number
        self.endpoint = self.real_time(most_instances)
        self.asynchronous()
        self.serverless()
        self.inference_component()

    def real_time(self, max_capacity: float) -> ScaledEndpoint:
        """An endpoint with two variants. `OtherStack` scales the second one."""
        small = Variant(variant_name="Small", model_name="model", instance_type="ml.m5.large", initial_instance_count=1)
        large = Variant(
            variant_name="Large", model_name="model", instance_type="ml.m5.xlarge", initial_instance_count=1
        )
        endpoint = ScaledEndpoint(
            self,
            "RealTime",
            endpoint_name="real-time",
            config=sagemaker.CfnEndpointConfigProps(production_variants=[small, large]),
            include_other_stacks=True,
        )
        scaling = endpoint.scale_variant("Small", variant_name="Small", min_capacity=1, max_capacity=max_capacity)
        scaling.scale_to_track_metric(
            "Invocations",
            predefined_metric=SageMakerMetric.VARIANT_INVOCATIONS_PER_INSTANCE,
            target_value=70,
            scale_in_cooldown=Duration.minutes(10),
        )
        latency = cloudwatch.Metric(
            namespace="AWS/SageMaker",
            metric_name="ModelLatency",
            dimensions_map={"EndpointName": "real-time", "VariantName": "Small"},
        )
        scaling.scale_on_alarm(
            "Latency",
            alarm=cloudwatch.Alarm(self, "Slow", metric=latency, threshold=200000, evaluation_periods=3),
            adjustment_type=autoscaling.AdjustmentType.PERCENT_CHANGE_IN_CAPACITY,
            min_adjustment_magnitude=1,
            cooldown=Duration.minutes(2),
            steps=[
                autoscaling.AdjustmentTier(lower_bound=0, upper_bound=50000, adjustment=10),
                autoscaling.AdjustmentTier(lower_bound=50000, adjustment=30),
            ],
        )
        scaling.scale_on_schedule(
            "Morning",
            schedule=autoscaling.Schedule.cron(week_day="MON-FRI", hour="7", minute="0"),
            time_zone=TimeZone.EUROPE_BERLIN,
            start_time=datetime(2030, 1, 1, tzinfo=timezone.utc),
            min_capacity=2,
        )
        return endpoint

    def asynchronous(self) -> None:
        """An asynchronous endpoint, to zero instances and back."""
        main = Variant(variant_name="Main", model_name="model", instance_type="ml.m5.large", initial_instance_count=1)
        output = sagemaker.CfnEndpointConfig.AsyncInferenceOutputConfigProperty(s3_output_path="s3://results/answers")
        endpoint = ScaledEndpoint(
            self,
            "Asynchronous",
            endpoint_name="asynchronous",
            config=sagemaker.CfnEndpointConfigProps(
                production_variants=[main],
                async_inference_config=sagemaker.CfnEndpointConfig.AsyncInferenceConfigProperty(output_config=output),
            ),
        )
        backlog = cloudwatch.Metric(
            namespace="AWS/SageMaker",
            metric_name="ApproximateBacklogSizePerInstance",
            dimensions_map={"EndpointName": "asynchronous"},
        )
        scaling = endpoint.scale_variant("Scaling", variant_name="Main", min_capacity=0, max_capacity=4)
        scaling.scale_to_track_metric(
            "Backlog",
            custom_metric=cloudwatch.MathExpression(expression="FILL(backlog, 0)", using_metrics={"backlog": backlog}),
            target_value=5,
        )

    def serverless(self) -> None:
        """The provisioned concurrency of a serverless endpoint."""
        serverless = sagemaker.CfnEndpointConfig.ServerlessConfigProperty(
            max_concurrency=20, memory_size_in_mb=2048, provisioned_concurrency=1
        )
        main = Variant(variant_name="Main", model_name="model", serverless_config=serverless)
        endpoint = ScaledEndpoint(
            self,
            "Serverless",
            endpoint_name="serverless",
            config=sagemaker.CfnEndpointConfigProps(production_variants=[main]),
        )
        scaling = endpoint.scale_variant("Scaling", variant_name="Main", min_capacity=1, max_capacity=10)
        scaling.scale_to_track_metric(
            "Utilization",
            predefined_metric=SageMakerMetric.VARIANT_PROVISIONED_CONCURRENCY_UTILIZATION,
            target_value=0.7,
        )

    def inference_component(self) -> None:
        """The copies of an inference component."""
        scaling = SageMakerScaling(
            self,
            "Component",
            target=ScalingTarget.inference_component_copy_count("component"),
            min_capacity=0,
            max_capacity=4,
            tags={"team": "search"},
        )
        scaling.scale_to_track_metric(
            "Invocations",
            predefined_metric=SageMakerMetric.INFERENCE_COMPONENT_INVOCATIONS_PER_COPY,
            target_value=5,
        )


class Provider(Stack):
    """The function."""

    def __init__(self, scope: Construct, name: str) -> None:
        super().__init__(scope, name)
        self.provider = ScalingFunction(self, "Function", package_directory="build/package")


class OtherStack(Stack):
    """The scaling of an endpoint of another stack, with a function of a third one."""

    def __init__(self, scope: Construct, name: str, provider: IScalingProvider, endpoint: ScaledEndpoint) -> None:
        super().__init__(scope, name)
        SageMakerScaling(
            self,
            "Scaling",
            provider=provider,
            target=ScalingTarget.variant_instance_count(endpoint.endpoint_name, "Large"),
            min_capacity=1,
            max_capacity=2,
        )


app = App()
endpoints = Endpoints(app, "endpoints")
function = Provider(app, "provider")
OtherStack(app, "other-stack", function.provider, endpoints.endpoint)
app.synth()
