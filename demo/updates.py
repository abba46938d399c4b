"""The part of the demo in which an endpoint is updated while it scales."""

from demo.stacks import Settled, example, without_gate
from demo.telling import Teller

STACK = "translation"
ENDPOINT = "translation"
PARAMETERS = {
    "EndpointName": ENDPOINT,
    "ExecutionRoleArn": "arn:aws:iam::111122223333:role/translation",
    "Image": "111122223333.dkr.ecr.us-east-1.amazonaws.com/translation:1",
    "ModelDataUrl": "s3://models/translation.tar.gz",
}
_AAS = "aws application-autoscaling"
_TARGETS = f"{_AAS} describe-scalable-targets --service-namespace sagemaker --query ScalableTargets[].ResourceId"
_POLICIES = f"{_AAS} describe-scaling-policies --service-namespace sagemaker --query ScalingPolicies[].PolicyName"
_ACTIONS = (
    f"{_AAS} describe-scheduled-actions --service-namespace sagemaker --query ScheduledActions[].ScheduledActionName"
)
_PARKED = "aws ssm get-parameters-by-path --path /sagemaker-scaling/parked --recursive --query Parameters[].Name"
_RUNS = f"aws sagemaker describe-endpoint --endpoint-name {ENDPOINT} --query EndpointConfigName"
_INSTANCES = "aws sagemaker describe-endpoint-config --query ProductionVariants[].InstanceType --endpoint-config-name"


class Updates(Teller):
    """Its steps, each on what the one before it left."""

    def tell(self) -> None:
        """All of them."""
        self._create()
        self._refuse()
        self._add_the_gate()
        self._update()

    def _create(self) -> None:
        self.timeline.step(
            "A whole stack: model, endpoint and scaling",
            "examples/endpoint-with-scaling.yaml, as yet without its gate. MiniStack has no SageMaker: "
            "demo/ministack_sagemaker.py plays the three resource types of it, by calls of the local AWS.",
        )
        template = without_gate(example("endpoint-with-scaling"))
        self.stack(STACK, lambda: self.world.stacks.create(STACK, template, **PARAMETERS), "CREATE_COMPLETE")
        self._see("ml.m5.large")

    def _refuse(self) -> None:
        self.timeline.step(
            "Update without a gate: another instance type",
            "SageMaker refuses that for a variant which is a scalable target, and nothing in the stack can deregister "
            "it first. CloudFormation goes back.",
        )
        template = without_gate(example("endpoint-with-scaling"))
        settled = self.stack(STACK, lambda: self._deploy(template, "ml.m5.xlarge"), "UPDATE_ROLLBACK_COMPLETE")
        self.blame(settled, "Endpoint", "must be deregistered as scalable targets")

    def _add_the_gate(self) -> None:
        self.timeline.step(
            "The gate joins the stack",
            "The whole of examples/endpoint-with-scaling.yaml. The endpoint runs its configuration already, so the "
            "gate has nothing to do, and the target stays registered.",
        )
        self.stack(STACK, lambda: self._deploy(example("endpoint-with-scaling"), "ml.m5.large"), "UPDATE_COMPLETE")

    def _update(self) -> None:
        self.timeline.step(
            "Update with the gate: another instance type",
            "The gate parks the target in Parameter Store, with its policies and scheduled actions, and deregisters "
            "it. SageMaker takes the update. The scaling brings the target back, and makes it what the template says. "
            "In the clean-up the gate's old id is deleted; had anything been left parked, it would come back then.",
        )
        self.stack(STACK, lambda: self._deploy(example("endpoint-with-scaling"), "ml.m5.xlarge"), "UPDATE_COMPLETE")
        self._see("ml.m5.xlarge")

    def _deploy(self, template: str, instance_type: str) -> Settled:
        return self.world.stacks.update(STACK, template, **PARAMETERS, InstanceType=instance_type)

    def _see(self, instance_type: str) -> None:
        """Shows and checks what runs, and all of its scaling."""
        config = self.command(_RUNS)
        self.expect(self.command(f"{_INSTANCES} {config}") == [instance_type], f"the endpoint has {instance_type}")
        self.expect(self.command(_TARGETS) == [f"endpoint/{ENDPOINT}/variant/AllTraffic"], "the variant is registered")
        self.expect(self.command(_POLICIES) == ["SageMakerEndpointInvocationScalingPolicy"], "its policy is there")
        self.expect(sorted(self.command(_ACTIONS)) == ["Evening", "Morning"], "its scheduled actions are there")
        self.expect(self.command(_PARKED) == [], "nothing is parked")
