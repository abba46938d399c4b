"""The part of the demo in which an endpoint is updated while it scales."""

from demo.aws_cli import DESCRIBE_ACTIONS, DESCRIBE_POLICIES, DESCRIBE_SNAPSHOTS, DESCRIBE_TARGETS
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
_POLICY = "SageMakerEndpointInvocationScalingPolicy"
_SCHEDULE = ["Evening", "Morning"]
_TARGETS = f"{DESCRIBE_TARGETS} --query ScalableTargets[].ResourceId"
_POLICIES = f"{DESCRIBE_POLICIES} --query ScalingPolicies[].PolicyName"
_ACTIONS = f"{DESCRIBE_ACTIONS} --query ScheduledActions[].ScheduledActionName"
_SNAPSHOTS = f"{DESCRIBE_SNAPSHOTS} --query Parameters[].Name"
_RUNS = f"aws sagemaker describe-endpoint --endpoint-name {ENDPOINT} --query EndpointConfigName"
_INSTANCES = "aws sagemaker describe-endpoint-config --query ProductionVariants[].InstanceType --endpoint-config-name"


class Updates(Teller):
    """The steps; each continues from the state that the previous step leaves."""

    def tell(self) -> None:
        """Runs all steps."""
        self._create()
        self._refuse()
        self._add_the_gate()
        self._update()
        self._show()

    def _create(self) -> None:
        self.timeline.step(
            "A whole stack: model, endpoint and scaling",
            "examples/endpoint-with-scaling.yaml without its gate. The local AWS stands in for SageMaker.",
        )
        template = without_gate(example("endpoint-with-scaling"))
        self.stack(STACK, lambda: self.world.stacks.create(STACK, template, **PARAMETERS), "CREATE_COMPLETE")
        self._check("ml.m5.large")

    def _refuse(self) -> None:
        self.timeline.step(
            "Update without a gate: another instance type",
            "SageMaker refuses this for a variant that is a registered scalable target, and CloudFormation rolls back.",
        )
        template = without_gate(example("endpoint-with-scaling"))
        settled = self.stack(STACK, lambda: self._deploy(template, "ml.m5.xlarge"), "UPDATE_ROLLBACK_COMPLETE")
        self.blame(settled, "Endpoint", "must be deregistered as scalable targets")

    def _add_the_gate(self) -> None:
        self.timeline.step(
            "Add the gate to the stack",
            "The endpoint already runs this configuration, so the gate does nothing. The target stays registered.",
        )
        self.stack(STACK, lambda: self._deploy(example("endpoint-with-scaling"), "ml.m5.large"), "UPDATE_COMPLETE")

    def _update(self) -> None:
        self.timeline.step(
            "Update with the gate: another instance type",
            "The gate takes a snapshot of the target and deregisters it. SageMaker accepts the update. Then "
            "the scalable target resource restores it.",
        )
        self.stack(STACK, lambda: self._deploy(example("endpoint-with-scaling"), "ml.m5.xlarge"), "UPDATE_COMPLETE")
        self._check("ml.m5.xlarge")

    def _show(self) -> None:
        self.timeline.step("The result", "The target and its policies, as the AWS CLI shows them.")
        for command in (DESCRIBE_TARGETS, DESCRIBE_POLICIES):
            self.show(command)

    def _deploy(self, template: str, instance_type: str) -> Settled:
        return self.world.stacks.update(STACK, template, **PARAMETERS, InstanceType=instance_type)

    def _check(self, instance_type: str) -> None:
        """Checks the instance type, and everything that scales the endpoint."""
        types = self.ask(f"{_INSTANCES} {self.ask(_RUNS)}")
        self.check(types == [instance_type], f"the endpoint runs on {instance_type}")
        asked = [sorted(self.ask(command)) for command in (_TARGETS, _POLICIES, _ACTIONS, _SNAPSHOTS)]
        self.check(
            asked == [[f"endpoint/{ENDPOINT}/variant/AllTraffic"], [_POLICY], _SCHEDULE, []],
            f"the variant has {_POLICY}, {' and '.join(_SCHEDULE)}; there is no snapshot",
        )
