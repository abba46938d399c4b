"""A resource that may be a scalable target: a variant of any endpoint, or an inference component."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from conformance.account import INSTANCES, Account, Reply, UnclearError, ask


@dataclass(frozen=True)
class Subject:
    """The resource. Nothing is registered yet."""

    account: Account
    resource: str
    dimension: str = INSTANCES

    def key(self) -> dict[str, str]:
        """The members that name it."""
        return {
            "ServiceNamespace": "sagemaker",
            "ResourceId": self.resource,
            "ScalableDimension": self.dimension,
        }

    def register(self, **members: Any) -> Reply:
        """Registers it, from 1 to 1 if nothing else is given."""
        register = self.account.scaling.register_scalable_target
        return ask(register, **self.key(), **{"MinCapacity": 1, "MaxCapacity": 1, **members})

    def deregister(self) -> Reply:
        """Deregisters it."""
        return ask(self.account.scaling.deregister_scalable_target, **self.key())

    def try_to_register(self, **members: Any) -> Reply:
        """Registers it, and deregisters it if that was accepted."""
        reply = self.register(**members)
        if not reply.code:
            self.deregister()
        return reply

    @contextlib.contextmanager
    def registered(self, **members: Any) -> Iterator[str]:
        """Registers it for a block, which gets its ARN."""
        reply = self.register(**members)
        if reply.code:
            raise UnclearError(f"RegisterScalableTarget: {reply}")
        try:
            yield reply.value["ScalableTargetARN"]
        finally:
            self.deregister()

    def described(self) -> list[dict[str, Any]]:
        """The target as DescribeScalableTargets shows it: none or one."""
        describe = self.account.scaling.describe_scalable_targets
        ids = {"ResourceIds": [self.resource], "ScalableDimension": self.dimension}
        described: list[dict[str, Any]] = describe(ServiceNamespace="sagemaker", **ids)["ScalableTargets"]
        return described

    def is_registered(self) -> bool:
        """Whether DescribeScalableTargets shows it."""
        return bool(self.described())
