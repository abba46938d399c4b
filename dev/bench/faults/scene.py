"""A row, and the scene of a cell: one system with everything around it."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bench.faults.judge import Expected
from bench.faults.lambda_service import End, Function
from bench.faults.stubs import TAKE, ApiFault, ApiProxy, Receiver
from bench.faults.systems import DIMENSION, System
from demo.stage import LocalAws

STACK = "arn:aws:cloudformation:us-east-1:111122223333:stack/demo/6f0a6b50-c84e-11f0-9c1a-0e4f5c8d2b11"
SIGNATURE = "fa8847b0c33183273f5945508b31c3208a9e4ece58ca47233a05628d8dba3799"
INVENTED_ID = "demo-Scaling-1XK4PQ7Z9A2B"
_NAMESPACE = "sagemaker"
_SERVICE = "AnyScaleFrontendService."
BEFORE, WANTED = (1, 3), (2, 6)


class SceneError(Exception):
    """A scene could not be prepared: the harness is wrong, or a system fails without any fault."""


@dataclass(frozen=True)
class Row:
    """One fault."""

    number: str
    fault: str
    right: str
    """The right behaviour, as text for the reader."""
    expected: Expected
    request: str = "Create"
    variant: str = "blue"
    set_scene: Callable[["Scene"], None] = lambda scene: None
    alter: Callable[[dict[str, Any]], None] = lambda event: None
    maximum: Any = WANTED[1]
    endpoint: str = "prod"
    api: Callable[[], list[ApiFault]] = list
    puts: tuple[str | int, ...] = ()
    other_puts: str | int = TAKE
    twice: bool = False
    """Whether the request is delivered again after a successful delivery."""
    cleans_up: bool = False
    """Whether CloudFormation deletes the old id after an Update to a new one."""
    seconds: float = 0
    """The minimum time limit of each function."""


@dataclass
class Scene:
    """One system with everything around it."""

    system: System
    function: Function
    receiver: Receiver
    proxy: ApiProxy
    aws: LocalAws
    id: str = ""
    """The physical id, if it is known."""
    foreign: set[str] = field(default_factory=set)
    ends: list[End] = field(default_factory=list)
    events: int = 0

    def event(self, request: str, variant: str, limits: tuple[Any, Any], endpoint: str = "prod") -> dict[str, Any]:
        """A request, as CloudFormation sends it."""
        self.events += 1
        event = {
            "RequestType": request,
            "ServiceToken": "token",
            "ResponseURL": f"https://localhost:{self.receiver.port}/answers/{self.events}"
            f"?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=7200&X-Amz-Signature={SIGNATURE}",
            "StackId": STACK,
            "RequestId": f"76ea0beb-b3c2-4822-b4f0-dd9c9fd0{self.events:04}",
            "LogicalResourceId": "Scaling",
            "ResourceType": self.system.resource_type,
            "ResourceProperties": self.system.properties(variant, *_as_text(limits), endpoint),
        }
        if request != "Create":
            event["PhysicalResourceId"] = self.id
        if request == "Update":
            event["OldResourceProperties"] = self.system.properties("blue", *_as_text(BEFORE))
        return event

    def deliver(
        self, event: dict[str, Any], at_least: int = 1, between: Callable[[], None] = lambda: None
    ) -> list[int]:
        """Delivers a request, and once more if that ends as an error. Returns the count of PUTs after each one."""
        puts = []
        for delivery in (1, 2):
            end = self.function.invoke(json.dumps(event).encode())
            self.ends.append(end)
            time.sleep(0.1)  # a PUT that was on its way arrives meanwhile
            puts.append(len(self.receiver.puts))
            if end.how == "ok" and delivery >= at_least:
                break
            between()
        return puts

    def answer(self, event: dict[str, Any]) -> dict[str, Any]:
        """Delivers a request without any fault. Returns its answer, which is empty if there is none."""
        self.deliver(event)
        target = path_of(event)
        taken = [put.body for put in self.receiver.puts if put.taken and put.target == target]
        try:
            body: dict[str, Any] = json.loads(taken[0]) if taken else {}
        except ValueError:
            return {}
        return body

    def create(self, variant: str = "blue") -> None:
        """Lets the system register its target with the previous limits."""
        answer = self.answer(self.event("Create", variant, BEFORE))
        if answer.get("Status") != "SUCCESS":
            said = self.function.output()[-3000:]
            raise SceneError(f"{self.system.name}: a plain Create is answered {answer}\n{said}")
        self.id = answer["PhysicalResourceId"]

    def register_foreign(self, tags: dict[str, str], variant: str = "blue") -> None:
        """Registers a target of others."""
        limits = {"MinCapacity": 1, "MaxCapacity": 9}
        self.scaling("RegisterScalableTarget", **target_of(variant), **limits, **({"Tags": tags} if tags else {}))
        self.foreign.add(target_of(variant)["ResourceId"])

    def scaling(self, operation: str, **members: Any) -> Any:
        """Calls Application Auto Scaling directly, without the system."""
        return self.aws.call(_SERVICE + operation, **members)

    def own(self) -> dict[str, Any]:
        """The system's targets."""
        return {name: target for name, target in self._targets().items() if name not in self.foreign}

    def others(self) -> dict[str, Any]:
        """The targets of others with their tags, and all policies."""
        targets = {name: target for name, target in self._targets().items() if name in self.foreign}
        for target in targets.values():
            target["Tags"] = self.scaling("ListTagsForResource", ResourceARN=target["ScalableTargetARN"])["Tags"]
        policies = self.scaling("DescribeScalingPolicies", ServiceNamespace=_NAMESPACE)["ScalingPolicies"]
        return {**targets, **{policy["PolicyName"]: policy["PolicyARN"] for policy in policies}}

    def _targets(self) -> dict[str, Any]:
        found = self.scaling("DescribeScalableTargets", ServiceNamespace=_NAMESPACE)["ScalableTargets"]
        return {target["ResourceId"]: target for target in found}


def target_of(variant: str) -> dict[str, str]:
    """The resource id of a variant of the endpoint."""
    resource = f"endpoint/prod/variant/{variant}"
    return {"ServiceNamespace": _NAMESPACE, "ScalableDimension": DIMENSION, "ResourceId": resource}


def path_of(event: dict[str, Any]) -> str:
    """Path and query of the response URL."""
    return "/" + str(event["ResponseURL"]).split("/", 3)[3]


def _as_text(limits: tuple[Any, Any]) -> tuple[Any, Any]:
    least, most = (value if value is None else str(value) for value in limits)
    return least, most
