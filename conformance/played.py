"""What the stacks of a run do when an update fails, a request is cancelled, or a Delete fails. Each is played once."""

import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from conformance.account import AWS_ERRORS, PARAMETERS, TAG, UnclearError
from conformance.check import NotApplicableError
from conformance.recorder import Recorder, Recording
from conformance.scene import Scene
from conformance.stacks import Settled, Stacks

CHAIN = ("A", "B", "C", "D", "E")
"""The resources of the chain. Each depends on the one before."""
REPLACED = ("A", "C", "D")
"""Those whose physical id an update changes."""
FAILING = CHAIN[-1]
SLOW, QUICK = "Slow", "Quick"
"""Two resources that do not depend on each other. The quick one fails while the slow one's request runs."""
_LOCAL_SECOND = 0.02
_CHAIN_SECONDS = 3.0
_QUICK_SECONDS = 10.0
_SLOW_SECONDS = 40.0
_EXPRESS_SECONDS = 8.0
_RECORDED_SECONDS = 120.0

T = TypeVar("T")


@dataclass(frozen=True)
class Operation:
    """An operation of a stack, and the requests that were sent for it, by arrival."""

    settled: Settled
    requests: Sequence[Recording]

    def of(self, kind: str, resource: str = "", step: str = "") -> list[Recording]:
        """The requests of a type, for a resource, with the properties of a step."""
        return [
            each
            for each in self.requests
            if each.type == kind and resource in ("", each.resource) and step in ("", each.step)
        ]


@dataclass(frozen=True)
class Chain:
    """A stack that is created, whose update fails at its end, and that is deleted."""

    created: Operation
    updated: Operation
    deleted: Operation


class Played:
    """The operations of a run's stacks."""

    def __init__(self, scene: Scene) -> None:
        if scene.account.stacks is None:
            raise UnclearError("there is no CloudFormation: name its address with --local-cloudformation")
        self.stacks: Stacks = scene.account.stacks
        self.prefix = scene.prefix
        self._scene = scene
        self._second = _LOCAL_SECOND if scene.account.is_local else 1.0
        self._folder = f"{PARAMETERS}/{scene.prefix}"
        account = scene.account
        self._recorder = Recorder(self.stacks, account.of_stacks("lambda"), account.parameters, scene.prefix, scene.run)
        self._known: dict[str, Any] = {}

    def recorder(self) -> Recorder:
        """The recorder, deployed."""
        return self._once("recorder", self._deploy)

    def chain(self) -> Chain:
        """The chain."""
        return self._once("chain", self._play_chain)

    def cancelled_create(self) -> Operation:
        """The Create of a stack, in which the quick resource fails."""
        return self._once("cancelled create", self._play_cancelled_create)

    def cancelled_update(self) -> Operation:
        """The update of a stack, in which the quick resource fails."""
        return self._once("cancelled update", self._play_cancelled_update)

    def failing_delete(self) -> tuple[Operation, bool]:
        """An update that removes a resource whose Delete fails, and whether the stack still has the resource."""
        return self._once("failing delete", self._play_failing_delete)

    def not_rolled_back(self) -> tuple[Operation, Operation]:
        """An update that fails without rollback, and the one that succeeds after it."""
        return self._once("not rolled back", self._play_not_rolled_back)

    def express(self) -> tuple[Operation, Operation, Operation]:
        """In express mode: a Create, an update that fails, and another one for which rollback is enabled."""
        return self._once("express", self._play_express)

    def create(self, name: str, *resources: dict[str, Any], **members: Any) -> Operation:
        """Creates a stack with these resources."""
        return self._operation(name, self.stacks.create, resources, "1", members)

    def update(self, name: str, *resources: dict[str, Any], step: str, **members: Any) -> Operation:
        """Updates a stack."""
        return self._operation(name, self.stacks.update, resources, step, members)

    def delete(self, name: str) -> Operation:
        """Deletes a stack."""
        before = len(self._requests(name))
        settled = self.stacks.delete(f"{self.prefix}-{name}")
        return Operation(settled, self._requests(name)[before:])

    def resource(self, name: str, step: str, seconds: float = 0, after: str = "", **given: str) -> dict[str, Any]:
        """A resource with the properties of a step."""
        timed = {"Step": step, "Seconds": f"{seconds * self._second:.2f}"}
        return self.recorder().resource(name, after, **{"Id": f"{self.prefix}-{name}", **timed, **given})

    def _operation(
        self, name: str, operation: Callable[..., Settled], resources: Sequence[Any], step: str, members: Any
    ) -> Operation:
        template = self.recorder().resources(*resources)
        before = len(self._requests(name))
        settled = operation(f"{self.prefix}-{name}", template, self._scene.run, step, **members)
        return Operation(settled, self._requests(name)[before:])

    def _requests(self, name: str) -> list[Recording]:
        """The requests of a stack so far. Reads again until nothing is new: a read may not show the last ones yet."""
        found: list[Recording] = []
        while True:
            before, found = found, self._recorder.recordings(self._folder)
            if len(before) == len(found):
                return [each for each in found if each.stack == f"{self.prefix}-{name}"]
            time.sleep(self._scene.account.pause / 2)

    def _deploy(self) -> Recorder:
        if reason := self._recorder.deploy(f"{self._folder}/recordings", TAG):
            raise UnclearError(reason)
        return self._recorder

    def _play_chain(self) -> Chain:
        def resources(step: str) -> list[dict[str, Any]]:
            given = {name: {"Id": self.id(name, step)} for name in REPLACED}
            if step == "2":
                given[FAILING] = {"Fails": "Update"}
            return [
                self.resource(name, step, _CHAIN_SECONDS, after, **given.get(name, {}))
                for name, after in zip(CHAIN, ("", *CHAIN), strict=False)
            ]

        created = _must(self.create("chain", *resources("1")), "CREATE_COMPLETE")
        updated = self.update("chain", *resources("2"), step="2")
        return Chain(created, updated, self.delete("chain"))

    def _play_cancelled_create(self) -> Operation:
        slow = self.resource(SLOW, "1", _SLOW_SECONDS)
        quick = self.resource(QUICK, "1", _QUICK_SECONDS, Fails="Create")
        return self._with_slow("cancelled-create", self.create("cancelled-create", slow, quick), "Create")

    def _play_cancelled_update(self) -> Operation:
        name = "cancelled-update"
        created = self.create(name, self.resource(SLOW, "1"), self.resource(QUICK, "1"))
        _must(created, "CREATE_COMPLETE")
        slow = self.resource(SLOW, "2", _SLOW_SECONDS)
        quick = self.resource(QUICK, "2", _QUICK_SECONDS, Fails="Update")
        return self._with_slow(name, self.update(name, slow, quick, step="2"), "Update", len(created.requests))

    def _with_slow(self, name: str, operation: Operation, kind: str, before: int = 0) -> Operation:
        """The operation with the request of the slow resource, which may run longer than the operation."""
        # A local CloudFormation sends one request after the other, so the slow resource may get none.
        if self._scene.account.is_local:
            return operation
        found = operation

        def is_recorded() -> bool:
            nonlocal found
            found = Operation(operation.settled, self._requests(name)[before:])
            return any(each.succeeds for each in found.of(kind, SLOW))

        self._scene.until(is_recorded, _RECORDED_SECONDS)
        return found

    def _play_failing_delete(self) -> tuple[Operation, bool]:
        name, stays = "failing-delete", self.resource("Stays", "1")
        _must(self.create(name, stays, self.resource("Leaves", "1", Fails="Delete")), "CREATE_COMPLETE")
        updated = self.update(name, stays, step="2")
        return updated, self.stacks.has(f"{self.prefix}-{name}", "Leaves")

    def _play_not_rolled_back(self) -> tuple[Operation, Operation]:
        name = "not-rolled-back"

        def resources(step: str, fails: str = "") -> list[dict[str, Any]]:
            replaced = self.id("A", min(step, "2"))
            return [self.resource("A", step, Id=replaced), self.resource("B", step, after="A", Fails=fails)]

        _must(self.create(name, *resources("1")), "CREATE_COMPLETE")
        failed = self.update(name, *resources("2", "Update"), step="2", DisableRollback=True)
        try:
            return failed, self.update(name, *resources("3"), step="3")
        except ClientError as error:
            if self._scene.account.is_local and "cannot be updated" in str(error):
                raise NotApplicableError(
                    f"this CloudFormation does not update a stack that is {failed.settled.status}"
                ) from error
            raise

    def _play_express(self) -> tuple[Operation, Operation, Operation]:
        members = self.stacks.client.meta.service_model.operation_model("CreateStack").input_shape.members
        if "DeploymentConfig" not in members:
            raise UnclearError("the installed botocore does not know express mode: update it")
        name, given = "express", {"Mode": "EXPRESS"}
        created = self.create(name, self.resource("A", "1", _EXPRESS_SECONDS), DeploymentConfig=given)
        _must(created, "CREATE_COMPLETE")
        failing = [self.resource("A", step, Fails="Update") for step in ("2", "3")]
        failed = self.update(name, failing[0], step="2", DeploymentConfig=given)
        enabled = {**given, "DisableRollback": False}
        return created, failed, self.update(name, failing[1], step="3", DeploymentConfig=enabled)

    def id(self, name: str, step: str) -> str:
        """A physical id of its own for a step."""
        return f"{self.prefix}-{name}-{step}"

    def _once(self, name: str, play: Callable[[], T]) -> T:
        """What was played, or the reason why it could not be played, for each check that asks."""
        if name not in self._known:
            try:
                self._known[name] = play()
            except (UnclearError, NotApplicableError, *AWS_ERRORS) as error:
                self._known[name] = error
        found = self._known[name]
        if isinstance(found, NotApplicableError):
            raise found
        if isinstance(found, Exception):
            raise UnclearError(str(found))
        value: T = found
        return value


@functools.lru_cache(maxsize=1)
def played(scene: Scene) -> Played:
    """The stacks of a run."""
    return Played(scene)


def _must(operation: Operation, status: str) -> Operation:
    """An operation that has to end with a status."""
    settled = operation.settled
    if settled.status != status:
        raise UnclearError(f"expected {status}, found {settled}")
    return operation
