"""Finds which resources fail in an update because of their scalable targets, and which targets are lost in it.

docs/SEMANTICS.md#ownership and docs/POLICIES.md#moving-over-from-native-resources have the rules.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from demo import words
from demo.compare import Update
from demo.stack_resources import (
    INSTANCES,
    NATIVE_POLICY,
    NATIVE_TARGET,
    SCALING,
    Resources,
    Target,
    endpoint_name,
    is_asynchronous,
    is_kept,
    is_of,
    policies,
    properties,
    targets,
    variants_of,
)


class Claims:
    """Who registers each scalable target before and after an update."""

    def __init__(self, update: Update) -> None:
        self._update = update
        self._before, self._after = targets(update.before), targets(update.after)

    def failures(self) -> Iterator[tuple[str, str]]:
        """Each resource whose request fails, and why, with what to do."""
        for name, target in self._after.items():
            why = self._missing(target) or self._zero(name, target) or self._conflict(name, target)
            if why and self._update.requests(name):
                yield name, why

    def lost(self) -> Iterator[tuple[str, str]]:
        """Each target and policy that is in the template after the update and does not exist then, and why."""
        lost: dict[Target, str] = {}
        for name, target in self._after.items():
            if not self._update.requests(name) and (why := self._missing(target)):
                lost[target] = f"{why}, or remove {name}"
            for other in self._deleted(target):
                if other != name and not self._claims_from(name, other):
                    lost[target] = _deleted_with(other, "the target")
        yield from ((str(target), why) for target, why in lost.items())
        for _, target, policy in policies(self._update.after):
            if target in lost:
                yield policy, f"its target {target} is not"
            elif other := next(self._deleted_policies(target, policy), ""):
                yield policy, _deleted_with(other, "the policy of this name")

    def not_undone(self) -> Iterator[tuple[Target, str]]:
        """Each target that a rollback does not leave as it was, and what happens to it."""
        for name, target in self._after.items():
            owned = [each for each, of in self._before.items() if _same(of, target)]
            if name in self._before or not owned:
                continue
            if is_of(self._update.after, name, NATIVE_TARGET):
                yield target, f"the rollback deletes {name}, and {target} with it"
            elif adopts(self._update.after, name):
                yield (
                    target,
                    f"the rollback releases {target}, with what {name} has changed on it (docs/POLICIES.md)",
                )

    def _deleted_policies(self, target: Target, policy: str) -> Iterator[str]:
        """The native policies whose Delete in the clean-up deletes the policy of this name."""
        before, after = self._update.before, self._update.after
        for name, of, named in policies(before):
            is_removed = name not in after and is_of(before, name, NATIVE_POLICY) and not is_kept(before, name)
            if is_removed and named == policy and _same(of, target):
                yield name

    def _missing(self, target: Target) -> str:
        """Says that the endpoint has no such variant. Empty if it has, or if that is not known."""
        variants = variants_of(self._update.after, target.endpoint) if target.endpoint else None
        if variants is None or target.variant in variants:
            return ""
        endpoint = endpoint_name(self._update.after, target.endpoint)
        return f"endpoint {endpoint} has no variant {target.variant}. Correct the name"

    def _zero(self, name: str, target: Target) -> str:
        """Says that the endpoint cannot have 0 instances. Empty if it can, or if that is not known."""
        resources = self._update.after
        least = properties(resources, name).get("MinCapacity")
        if least != "0" or target.dimension != INSTANCES or is_of(resources, name, NATIVE_TARGET):
            return ""
        if not target.endpoint or variants_of(resources, target.endpoint) is None:
            return ""
        if is_asynchronous(resources, target.endpoint):
            return ""
        endpoint = endpoint_name(resources, target.endpoint)
        return f"MinCapacity is 0, and endpoint {endpoint} is not asynchronous. Raise MinCapacity"

    def _conflict(self, name: str, target: Target) -> str:
        """Why the function refuses the claim of a resource on a target. Empty if it does not."""
        if not is_of(self._update.after, name, SCALING) or _same(self._before.get(name), target):
            return ""
        given = properties(self._update.after, name)
        for owner in (each for each, of in self._before.items() if each != name and _same(of, target)):
            if is_of(self._update.before, owner, SCALING) and given.get("TakeOverFrom") != owner:
                return f"{owner} owns {target}{self._way_to_take_over(name, owner, target)}"
            if is_of(self._update.before, owner, NATIVE_TARGET) and not _adopts(given):
                return f"{owner} has registered {target}. Set AdoptExisting: true on {name}"
        rivals = [each for each in self._rivals(target) if each != name]
        return f"{words.joined(rivals)} registers {target}, too. Remove one of them" if rivals else ""

    def _way_to_take_over(self, name: str, owner: str, target: Target) -> str:
        if owner not in self._update.after:
            return f" until the clean-up. Set TakeOverFrom: {owner} on {name}"
        if _same(self._after.get(owner), target):
            return ". Remove one of them"
        return f" until the clean-up. Move {owner} in an update of its own, before this one"

    def _rivals(self, target: Target) -> list[str]:
        """The resources of this function that claim a target anew."""
        return [
            each
            for each, of in self._after.items()
            if _same(of, target)
            and is_of(self._update.after, each, SCALING)
            and not _same(self._before.get(each), target)
        ]

    def _deleted(self, target: Target) -> Iterator[str]:
        """The resources whose Delete in the clean-up deregisters a target."""
        for name, of in self._before.items():
            leaves = not _same(self._after.get(name), target)
            policy = "UpdateReplacePolicy" if name in self._update.after else "DeletionPolicy"
            resources = self._update.after if name in self._update.after else self._update.before
            is_released = is_of(self._update.before, name, SCALING) and _adopts(properties(self._update.before, name))
            if _same(of, target) and leaves and not is_released and not is_kept(resources, name, policy):
                yield name

    def _claims_from(self, name: str, other: str) -> bool:
        """Whether the Delete of another resource does not touch the target, because this one has claimed it."""
        return is_of(self._update.before, other, SCALING) and is_of(self._update.after, name, SCALING)


def _deleted_with(resource: str, what: str) -> str:
    return (
        f"CloudFormation deletes {resource} in the clean-up, and {what} with it. Give it DeletionPolicy: Retain "
        "in an update before this one (docs/POLICIES.md)"
    )


def adopts(resources: Resources, name: str) -> bool:
    """Whether a resource may adopt its target."""
    return _adopts(properties(resources, name))


def _adopts(given: Mapping[str, Any]) -> bool:
    return bool(given.get("AdoptExisting") == "true")


def _same(one: Target | None, other: Target) -> bool:
    """Whether they are one target. The names of endpoints are compared as SageMaker does."""
    return one is not None and (one.name.lower(), one.dimension) == (other.name.lower(), other.dimension)
