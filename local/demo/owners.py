"""Finds which resources fail in an update because of their scalable targets, and which targets are lost in it.

docs/SEMANTICS.md#ownership and docs/MOVING.md#from-native-resources have the rules.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from demo import words
from demo.compare import Update, changes_target
from demo.ministack_reader import references
from demo.stack_resources import (
    CONCURRENCY,
    ENDPOINT,
    GATE,
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
    of_type,
    policies,
    policy_of,
    properties,
    resolved,
    variants_of,
)


@dataclass(frozen=True)
class Loss:
    """A target or policy that is in the template and does not exist after the update."""

    name: str
    why: str
    """The reason, and what to do."""
    is_certain: bool = True


class Owners:
    """Who registers each scalable target before and after an update."""

    def __init__(self, update: Update) -> None:
        self._update = update
        self._before, self._after = update.targets_before, update.targets_after

    def failures(self) -> Iterator[tuple[str, str]]:
        """Each resource whose request fails, and why, with what to do."""
        for name, target in self._after.items():
            if not self._update.requests(name):
                continue
            if misfit := self._misfit(target):
                yield name, f"{misfit}, or remove {name}"
            elif why := self._other_gate(name, target) or self._zero(name, target) or self._conflict(name, target):
                yield name, why

    def losses(self, deregistered: Collection[Target]) -> Iterator[Loss]:
        """Each target and policy that is in the template after the update and does not exist then.

        `deregistered` are the targets that gates have deregistered: a Delete does not find its tags on them any more.
        """
        lost: dict[Target, Loss] = {}
        for name, target in self._after.items():
            if not self._update.requests(name) and (misfit := self._misfit(target)):
                lost[target] = Loss(str(target), f"{misfit}, or remove {name}")
            for other in self._deleted(target):
                of_function = is_of(self._update.before, other, SCALING)
                if other == name or (
                    of_function and (is_of(self._update.after, name, SCALING) or target in deregistered)
                ):
                    continue
                native = not of_function and is_of(self._update.after, name, NATIVE_TARGET)
                why = _deleted_with(other, "the target", keep_id=native)
                lost[target] = Loss(
                    str(target), why, is_certain=not (of_function and adopts(self._update.before, other))
                )
        yield from lost.values()
        for _, target, policy in policies(self._update.after):
            named = policy_of(target, policy)
            if target in lost:
                yield Loss(named, "its target is missing, too", is_certain=lost[target].is_certain)
            elif other := next(self._deleted_policies(target, policy), ""):
                yield Loss(named, _deleted_with(other, "the policy of this name"))

    def left_by_rollback(self) -> Iterator[tuple[Target, str]]:
        """Each target that a rollback does not leave as it was, and what happens to it."""
        for name, target in self._after.items():
            owned = [each for each, of in self._before.items() if _same(of, target)]
            if name in owned or not owned or not self._update.requests(name):
                continue
            if is_of(self._update.after, name, NATIVE_TARGET):
                yield target, f"the rollback deletes {name}, and {target} with it"
            elif former := self.former(name):
                if name not in self._before and not changes_target(self._update, former, name):
                    continue
                yield (
                    target,
                    f"the rollback hands {target} back to {former}, and keeps the changes of {name}",
                )
            elif adopts(self._update.after, name):
                yield (
                    target,
                    f"the rollback releases {target}, and keeps the changes of {name} (docs/MOVING.md)",
                )

    def remarks(self) -> Iterator[str]:
        """What goes well in this update, and not later."""
        for name, target in self._after.items():
            former = self.former(name)
            if former and name not in self._before and _same(self._after.get(former), target):
                yield f"after this update, {name} owns {target}, so the next update of {former} fails. Remove {former}"
            endpoint = target.name.rpartition("/")[0]
            if not target.endpoint and endpoint.lower() in self._deleted_endpoints():
                yield f"{name} names endpoint {endpoint}, which is deleted in the clean-up. Correct or remove {name}"

    def former(self, name: str) -> str:
        """The resource of this stack from which a resource takes its target over. Empty if there is none."""
        given = properties(self._update.after, name).get("TakeOverFrom")
        # Without the stack of STACK_NAME/LOGICAL_ID: a resource of another stack does not own a target of this one.
        former = given.rpartition("/")[2] if isinstance(given, str) else ""
        is_owner = is_of(self._update.before, former, SCALING) and former != name
        return former if is_owner and _same(self._before.get(former), self._after[name]) else ""

    def _deleted_endpoints(self) -> set[str]:
        before, after = self._update.before, self._update.after
        names = {each: endpoint_name(before, each).lower() for each in of_type(before, ENDPOINT)}
        return {
            name
            for each, name in names.items()
            if (each not in after and not is_kept(before, each))
            or (each in self._update.replaced and not is_kept(after, each, "UpdateReplacePolicy"))
        }

    def _deleted_policies(self, target: Target, policy: str) -> Iterator[str]:
        """The native policies whose Delete in the clean-up deletes the policy of this name."""
        before, after = self._update.before, self._update.after
        for name, of, named in policies(before):
            is_removed = name not in after and is_of(before, name, NATIVE_POLICY) and not is_kept(before, name)
            if is_removed and named == policy and _same(of, target):
                yield name

    def _misfit(self, target: Target) -> str:
        """Says that an endpoint has no such variant or dimension. Empty if it has, or if that is not known."""
        known = target.endpoint and target.has_name
        variants = variants_of(self._update.after, target.endpoint) if known else None
        if variants is None:
            return ""
        endpoint = endpoint_name(self._update.after, target.endpoint)
        if target.variant not in variants:
            return f"endpoint {endpoint} has no variant {target.variant}. Correct the name"
        is_serverless = "ServerlessConfig" in variants[target.variant]
        if is_serverless == (target.dimension == CONCURRENCY):
            return ""
        kind, fits = ("serverless", CONCURRENCY) if is_serverless else ("not serverless", INSTANCES)
        return f"variant {target.variant} of endpoint {endpoint} is {kind}. Set ScalableDimension: {fits}"

    def _other_gate(self, name: str, target: Target) -> str:
        """Says that `UpdateGate` names the gate of another endpoint."""
        resources = self._update.after
        endpoint = target.name.rpartition("/")[0]
        for gate in references(properties(resources, name).get("UpdateGate")):
            if is_of(resources, gate, GATE):
                of = resolved(resources, properties(resources, gate).get("EndpointName"))
                if isinstance(of, str) and target.has_name and of.rpartition("/")[2].lower() != endpoint.lower():
                    return f"UpdateGate is the gate of endpoint {of}; expected that of {endpoint}. Correct either"
        return ""

    def _zero(self, name: str, target: Target) -> str:
        """Says that the endpoint cannot have 0 instances. Empty if it can, or if that is not known."""
        resources = self._update.after
        if not target.endpoint or target.dimension != INSTANCES or not is_of(resources, name, SCALING):
            return ""
        if variants_of(resources, target.endpoint) is None or is_asynchronous(resources, target.endpoint):
            return ""
        given = properties(resources, name)
        actions = given.get("ScheduledActions")
        listed = [each for each in actions if isinstance(each, dict)] if isinstance(actions, list) else []
        for limits in (given, *(each.get("ScalableTargetAction") for each in listed)):
            for limit in ("MinCapacity", "MaxCapacity"):
                if isinstance(limits, Mapping) and limits.get(limit) == "0":
                    endpoint = endpoint_name(resources, target.endpoint)
                    return f"{limit} is 0, and endpoint {endpoint} is not asynchronous. Set it to at least 1"
        return ""

    def _conflict(self, name: str, target: Target) -> str:
        """Why the function refuses to register a target for a resource. Empty if it does not."""
        if not is_of(self._update.after, name, SCALING) or _same(self._before.get(name), target):
            return ""
        for owner in (each for each, of in self._before.items() if each != name and _same(of, target)):
            if is_of(self._update.before, owner, SCALING) and self.former(name) != owner:
                return f"{owner} owns {target}{self._way_to_take_over(name, owner, target)}"
            if is_of(self._update.before, owner, NATIVE_TARGET) and not adopts(self._update.after, name):
                return f"{owner} has registered {target}. Set AdoptExisting: true on {name}"
        rivals = [each for each in self._rivals(target) if each != name]
        return f"{words.joined(rivals)} would register {target}, too. Keep one of them" if rivals else ""

    def _way_to_take_over(self, name: str, owner: str, target: Target) -> str:
        if _same(self._after.get(owner), target):
            return f". Remove {owner} or {name}"
        return f" until the clean-up. Set TakeOverFrom: {owner} on {name}"

    def _rivals(self, target: Target) -> list[str]:
        """The resources of this function that register a target anew."""
        return [
            each
            for each, of in self._after.items()
            if _same(of, target)
            and is_of(self._update.after, each, SCALING)
            and not _same(self._before.get(each), target)
        ]

    def _deleted(self, target: Target) -> Iterator[str]:
        """The resources whose Delete in the clean-up may deregister a target."""
        before, after = self._update.before, self._update.after
        for name, of in self._before.items():
            is_moved = name in after and not _same(self._after.get(name), target)
            is_deleted = is_moved and not is_kept(after, name, "UpdateReplacePolicy")
            is_deleted |= name not in after and not is_kept(before, name)
            if _same(of, target) and is_deleted:
                yield name


def _deleted_with(resource: str, what: str, *, keep_id: bool = False) -> str:
    way = (
        f"Keep the logical id {resource}"
        if keep_id
        else f"Set DeletionPolicy: Retain on {resource} in an earlier update"
    )
    return f"CloudFormation deletes {resource} in the clean-up, and {what} with it. {way} (docs/MOVING.md)"


def adopts(resources: Resources, name: str) -> bool:
    """Whether a resource may adopt its target."""
    return bool(properties(resources, name).get("AdoptExisting") == "true")


def _same(one: Target | None, other: Target) -> bool:
    """Whether they are one target. The names of endpoints are compared as SageMaker does."""
    return one is not None and (one.name.lower(), one.dimension) == (other.name.lower(), other.dimension)
