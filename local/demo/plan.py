"""Plans an update of a stack: what SageMaker refuses, what does not scale meanwhile, what is replaced and deleted."""

from collections.abc import Iterable, Iterator, Mapping, Sized
from dataclasses import dataclass, field
from typing import Any

from demo import words
from demo.compare import Update, differences, is_custom
from demo.ministack_reader import references
from demo.owners import Loss, Owners, adopts
from demo.stack_resources import (
    ENDPOINT,
    GATE,
    NATIVE_POLICY,
    NATIVE_TARGET,
    NESTED,
    SCALING,
    Resources,
    Target,
    config_of,
    endpoint_name,
    follows,
    gates_before,
    gates_of,
    is_kept,
    is_of,
    of_type,
    policies,
    policy_of,
    properties,
    target_of_policy,
    variants_of,
)


@dataclass(frozen=True)
class Plan:
    """What an update does."""

    lines: list[str]
    refused: bool
    """Whether SageMaker refuses the update of an endpoint."""
    refused_by_cloudformation: list[str]
    """Why CloudFormation refuses the update, and what to do."""
    failures: dict[str, str]
    """The resources that fail, with the reason, and what to do."""
    deregistered: frozenset[str]
    """`ENDPOINT/VARIANT` of each target that a gate deregisters. Without a name, the endpoint has its logical id."""
    lost: frozenset[str]
    """The targets, as in `deregistered`, and policies that are in the template and do not exist afterwards."""
    may_be_lost: frozenset[str]
    """The same, where the templates do not tell whether it happens."""
    differs_after_rollback: frozenset[str]
    """The targets, as in `deregistered`, that a rollback does not leave as they were."""
    rollback_may_fail: bool
    """Whether SageMaker may refuse the rollback of an endpoint."""
    changed: frozenset[str]
    """The resources that are created, updated or deleted."""
    compares_all: bool
    """Whether the update has no nested stack: these are not compared."""


def plan(update: Update) -> Plan:
    """Plans an update. The lines are in the order in which things happen, after what is refused."""
    before, after = update.before, update.after
    owners = Owners(update)
    impossible = [*_refused_by_cloudformation(update)]
    effect = _Effect()
    for name in of_type(after, ENDPOINT) if not impossible else []:
        if name in update.changed:
            effect.add(update, name)
    failures = {} if impossible or effect.is_refused else {**dict(owners.failures()), **effect.failures}
    completes = not impossible and not effect.is_refused and not failures
    losses = [*owners.losses(effect.deregistered), *effect.losses] if completes else []
    left = [*owners.left_by_rollback(), *effect.left_by_rollback]
    lines = [f"CloudFormation will refuse this: {why}" for why in impossible]
    lines += effect.lines
    lines += [f"{name} will fail: {why}" for name, why in failures.items()]
    lines += _changes(update, owners, losses) if completes else []
    if effect.is_refused:
        lines.append("the update fails, and the rollback leaves the stack as it is now")
    elif not impossible:
        lines += ["so the update fails, and CloudFormation rolls it back"] if failures else []
        lines += [f"if the update fails, {why}" for _, why in left]
        lines += effect.fails_in_rollback
        if effect.deregistered and not effect.fails_in_rollback:
            lines.append(_RESTORED_BY_ROLLBACK)
    retentions = {name for name in before.keys() & after.keys() if [*_changed_retention(update, name)]}
    return Plan(
        lines=lines or ["no scalable target changes"],
        refused=effect.is_refused,
        refused_by_cloudformation=impossible,
        failures=failures,
        deregistered=frozenset(map(str, effect.deregistered)),
        lost=frozenset(loss.name for loss in losses if loss.is_certain),
        may_be_lost=frozenset(loss.name for loss in losses if not loss.is_certain),
        differs_after_rollback=frozenset(str(target) for target, _ in left),
        rollback_may_fail=bool(effect.fails_in_rollback) and not effect.is_refused,
        changed=update.changed | (before.keys() ^ after.keys()) | retentions,
        compares_all=not of_type(before, *NESTED) and not of_type(after, *NESTED),
    )


_RESTORED_BY_ROLLBACK = (
    "if the update fails, the rollback restores the targets once the endpoint runs its old configuration again"
)


@dataclass
class _Effect:
    """The effect of an update on endpoints that it changes."""

    lines: list[str] = field(default_factory=list)
    is_refused: bool = False
    deregistered: list[Target] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    losses: list[Loss] = field(default_factory=list)
    fails_in_rollback: list[str] = field(default_factory=list)
    left_by_rollback: list[tuple[Target, str]] = field(default_factory=list)
    """The targets that a rollback does not leave as they were, and why."""

    def add(self, update: Update, name: str) -> None:
        """Adds the effect on one endpoint."""
        before, after = update.before, update.after
        endpoint = f"endpoint {endpoint_name(after, name)}"
        if name in update.replaced:
            fate = "kept" if is_kept(after, name, "UpdateReplacePolicy") else "deleted in the clean-up"
            self.lines.append(f"{endpoint} is created, and endpoint {endpoint_name(before, name)} is {fate}")
            return
        old, new = (variants_of(resources, name) for resources in (before, after))
        if old is None or new is None:
            missing = "BEFORE" if old is None else "TEMPLATE"
            self.lines.append(f"{endpoint}: {missing} lacks its configuration; the plan does not compare its variants")
            return
        self.lines += _changes_of_variants(endpoint, old, new)
        if "DeploymentConfig" in properties(after, name) and old.keys() != new.keys():
            self.failures[name] = (
                "with a DeploymentConfig, the new configuration must have the variants of the old one. Remove "
                "DeploymentConfig for this update (docs/UPDATES.md)"
            )
        on_instances = {each for each in old.keys() & new.keys() if "ServerlessConfig" not in new[each]}
        scaled = on_instances & {target.variant for target in update.targets_after.values() if target.endpoint == name}
        gets_new = (
            config_of(before, name)[0] != config_of(after, name)[0] or config_of(after, name)[0] in update.replaced
        )
        if scaled and gets_new and properties(after, name).get("RetainAllVariantProperties") != "true":
            self.lines.append(
                f"{endpoint}: the update resets the instance count of {words.joined(sorted(scaled))} to "
                f"InitialInstanceCount. To keep it, set RetainAllVariantProperties: true on {name}"
            )
        blocked = _blocked(old, new)
        gates = gates_before(after, name)
        self.fails_in_rollback += _fails_in_rollback(update, name, gates, _blocked(new, old))
        found = {
            resource: target
            for resource, target in update.targets_before.items()
            if target.endpoint == name and target.variant in blocked
        }
        if not blocked:
            self.lines.append(f"{endpoint}: no scalable target blocks this update")
        elif not found:
            told = words.joined([f"{endpoint_name(after, name)}/{variant}" for variant in blocked])
            refusal = "" if gates else ". If another stack or a person has registered it, SageMaker refuses the update"
            self.lines.append(f"no resource of the old template registers {told}{refusal}")
        elif not gates:
            self.is_refused = True
            self.lines.append(
                f"SageMaker will refuse this: {words.joined(sorted(found))} {_verb(found, 'registers')} "
                f"{_told(found.values())}, and no gate deregisters {_it({*found.values()})}. "
                f"{_without_gate(update, name)}"
            )
        else:
            self.deregistered += found.values()
            _Gated(update, name, gates[0], found, new).add_to(self)


@dataclass
class _Gated:
    """The update of an endpoint behind a gate that deregisters targets."""

    update: Update
    endpoint: str
    gate: str
    found: Mapping[str, Target]
    """The targets that are deregistered, by their resources."""
    variants: Mapping[str, Any]
    """The variants of the new configuration."""

    def add_to(self, effect: _Effect) -> None:
        """Adds what happens to the targets."""
        told = _told(self.found.values())
        effect.lines.append(
            f"{self.gate} takes a snapshot of {told}, and deregisters {_it({*self.found.values()})} before the "
            "endpoint's update"
        )
        effect.lines += self._restores()
        for name, target in self._natives():
            self._add_native(effect, name, target)
        effect.lines += self._remarks()

    def _restores(self) -> Iterator[str]:
        """How long each target does not scale."""
        restorers: dict[str, list[Target]] = {}
        for name, target in self.found.items():
            declared = [each for each, of in self.update.targets_after.items() if of == target]
            if declared and target.variant in self.variants:
                restorers.setdefault(self._restorer(name if name in declared else declared[0]), []).append(target)
        for restorer, restored in restorers.items():
            told, it = _told(restored), _it({*restored})
            does = "does" if it == "it" else "do"
            if restorer:
                does_what = "registers" if is_of(self.update.after, restorer, NATIVE_TARGET) else "restores"
                yield (
                    f"{told} {does} not scale until {restorer} {does_what} {it}: on AWS, about 15 "
                    "seconds plus the duration of the endpoint's update"
                )
            else:
                yield (
                    f"{told} {does} not scale after this update: {self.gate} is new, and restores {it} only with its "
                    "next request. Add the gate in an earlier update"
                )

    def _restorer(self, name: str) -> str:
        """What registers the target of a resource again. Empty if nothing does in this update."""
        before, after = self.update.before, self.update.after
        of_function = is_of(after, name, SCALING)
        if self.update.requests(name) or (of_function and "UpdateGate" in properties(after, name)):
            return name
        for gate in (self.gate, *gates_of(before, self.endpoint)):
            if gate in before:
                return f"{gate}, in the clean-up,"
        of_endpoint = [each for each, target in self.update.targets_after.items() if target.endpoint == self.endpoint]
        scalings = [each for each in of_endpoint if is_of(after, each, SCALING)]
        return next((each for each in scalings if "UpdateGate" in properties(after, each)), "")

    def _natives(self) -> Iterator[tuple[str, Target]]:
        """The native resources that are created or updated while their targets are deregistered."""
        after = self.update.after
        for name in of_type(after, NATIVE_TARGET, NATIVE_POLICY):
            target = self.update.targets_after.get(name) or target_of_policy(after, name)
            if target and self.update.requests(name) and target in self.found.values():
                yield name, target

    def _remarks(self) -> Iterator[str]:
        """What is not as it was after the target is registered again."""
        before, after = self.update.before, self.update.after
        for name, target in self.found.items():
            if name not in after and is_kept(before, name) and target not in self.update.targets_after.values():
                yield f"{target} may stay deregistered: {name} leaves the template. Remove it in another update"
        for policy in of_type(after, NATIVE_POLICY):
            if target_of_policy(after, policy) in self.found.values():
                users = [each for each in after if policy in references(after[each].get("Properties"))]
                for user in users:
                    yield f"the restore gives {policy} a new ARN, and {user} has the old one. Update {user} afterwards"

    def _add_native(self, effect: _Effect, name: str, target: Target) -> None:
        after = self.update.after
        is_certain = follows(after, name, [self.endpoint, self.gate])
        alone = f"Change {name} in an update of its own (docs/UPDATES.md)"
        if is_of(after, name, NATIVE_TARGET):
            does = "registers" if is_certain else "may register"
            effect.lines.append(f"{name} {does} {target} again, without what is on it from elsewhere. {alone}")
            effect.losses += [
                Loss(policy_of(target, policy), f"{name} does not register it again. {alone}", is_certain)
                for each, of, policy in policies(after)
                if of == target and not self.update.requests(each)
            ]
            effect.left_by_rollback.append((target, f"the rollback registers {target} without its policies"))
            return
        restorers = [
            each for each, of in self.update.targets_after.items() if of == target and self._restorer(each) == each
        ]
        if follows(after, name, restorers):
            return
        until = restorers[0] if restorers else "the clean-up"
        advice = f"Set DependsOn: {restorers[0]} on {name}" if restorers else alone
        if is_certain and not restorers:
            effect.failures[name] = f"{target} is deregistered until {until}. {advice}"
        else:
            effect.lines.append(f"{name} may fail: {target} is deregistered until {until}. {advice}")


def _blocked(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """The variants that must not be scalable targets while an endpoint gets another configuration."""
    return sorted(each for each in old if each not in new or _settings(old[each]) != _settings(new[each]))


def _fails_in_rollback(update: Update, endpoint: str, gates: list[str], blocked: list[str]) -> Iterator[str]:
    """Why SageMaker may refuse the rollback of an endpoint. `blocked` must not be scalable targets meanwhile."""
    before, after = update.before, update.after
    told = f"SageMaker may refuse the rollback of the endpoint {endpoint_name(after, endpoint)}"
    registered = [
        name
        for name, target in update.targets_after.items()
        if (target.endpoint, target.variant) in [(endpoint, variant) for variant in blocked]
    ]
    if gates and gates[0] not in before and registered:
        yield (
            f"if the update fails after {gates[0]}, {told}: {gates[0]} is new. Add it in an earlier update "
            "(docs/UPDATES.md)"
        )
        return
    for name in registered:
        if name not in before:
            why = f"{name} is new. Add it in an update of its own, after this one"
        elif name not in update.changed:
            continue
        elif is_of(after, name, NATIVE_TARGET):
            why = f"{name} registers {update.targets_after[name]}. Change it in an update of its own"
        elif "UpdateGate" not in properties(after, name):
            gate = f"Set it to !Ref {gates[0]}" if gates else "Add a gate in an earlier update"
            why = f"{name} has no UpdateGate. {gate}"
        else:
            continue
        yield f"if the update fails after {name}, {told}: {why} (docs/UPDATES.md)"


def _settings(variant: Mapping[str, Any]) -> tuple[Any, ...]:
    """The settings that SageMaker refuses to change while the variant is a scalable target: docs/UPDATES.md."""
    return variant.get("InstanceType"), variant.get("InstancePools"), "ServerlessConfig" in variant


def _changes_of_variants(endpoint: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for name in {**old, **new}:
        if name not in new:
            yield f"{endpoint}: variant {name} is removed"
        elif name not in old:
            yield f"{endpoint}: variant {name} is new: {words.capacity(new[name])}"
        elif _settings(old[name]) != _settings(new[name]):
            yield f"{endpoint}: variant {name} changes from {words.capacity(old[name])} to {words.capacity(new[name])}"


def _without_gate(update: Update, endpoint: str) -> str:
    resources = update.after
    if (removed := gates_of(update.before, endpoint)) and not gates_of(resources, endpoint):
        return f"Keep {removed[0]}, and EndpointConfigName: !GetAtt {removed[0]}.EndpointConfigName"
    if unused := gates_of(resources, endpoint):
        return f"Set EndpointConfigName of {endpoint} to !GetAtt {unused[0]}.EndpointConfigName (docs/UPDATES.md)"
    return f"Put a {GATE} before {endpoint} (docs/UPDATES.md)"


def _refused_by_cloudformation(update: Update) -> Iterator[str]:
    """Why CloudFormation refuses an update."""
    before, after = update.before, update.after
    for name in sorted(after):
        tokens = [properties(each, name).get("ServiceToken") if name in each else None for each in (before, after)]
        if name in before and before[name]["Type"] != after[name]["Type"]:
            yield f"the type of {name} changes. Give the new resource another logical id"
        elif name in before and tokens[0] != tokens[1]:
            yield f"the ServiceToken of {name} changes. Give the new resource another logical id (docs/SEMANTICS.md)"
        elif name in update.replaced and _own_name(after, name) and _is_same_name(update, name, name):
            yield f"{name} must be replaced, but keeps its custom name {_own_name(after, name)}. Change or remove it"
        elif (name not in before or name in update.replaced) and (owner := _owner_of_name(update, name)):
            yield (
                f"{name} has the custom name of {owner}, which exists until the clean-up. Keep the logical id {owner}, "
                "or choose another name"
            )


def _own_name(resources: Resources, name: str) -> str:
    """The name that a resource has in the template: `ModelName` of a model, for example.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-name.html
    """
    kind = resources[name]["Type"]
    own = properties(resources, name).get(f"{kind.rpartition('::')[2]}Name")
    return own if isinstance(own, str) and not is_custom(kind) else ""


def _owner_of_name(update: Update, name: str) -> str:
    """Another resource that had the custom name of a new one before the update."""
    others = (each for each in of_type(update.before, update.after[name]["Type"]) if each != name)
    return next((each for each in others if _is_same_name(update, each, name)), "")


def _is_same_name(update: Update, old: str, new: str) -> bool:
    """Whether two resources have one custom name, without regard to letter case: SageMaker ignores it."""
    name = _own_name(update.after, new)
    return name != "" and _own_name(update.before, old).lower() == name.lower()


def _replacements(update: Update) -> Iterator[str]:
    """What is replaced, and what is deleted at the end."""
    before, after = update.before, update.after
    replaced = [name for name in after if name in update.replaced and not is_custom(after[name]["Type"])]
    removed = [name for name in before if name not in after]
    if replaced:
        yield f"replaced: {words.joined(replaced)}"
    deleted = [f"the former {name}" for name in replaced if not is_kept(after, name, "UpdateReplacePolicy")]
    deleted += [name for name in removed if not is_kept(before, name)]
    kept = [name for name in removed if is_kept(before, name)]
    if deleted:
        yield f"deleted in the clean-up: {words.joined(deleted)}"
    if kept:
        yield f"no longer in the stack, and not deleted: {words.joined(kept)}"
    for name in of_type(after, *NESTED):
        yield f"{name} is a nested stack: the plan does not compare it"


def _changes(update: Update, owners: Owners, losses: Iterable[Loss]) -> Iterator[str]:
    """What an update that completes changes."""
    before, after = update.before, update.after
    yield from _replacements(update)
    for name in after:
        if name in before and (told := [*_changed_retention(update, name)]):
            yield f"{name}: {', '.join(told)}"
    for name in dict.fromkeys((*before, *after)):
        if line := _scaling(update, owners, name):
            yield line
    for loss in losses:
        yield f"{loss.name} {'will' if loss.is_certain else 'may'} be missing after this update: {loss.why}"
    yield from owners.remarks()


def _changed_retention(update: Update, name: str) -> Iterator[str]:
    """What changes of the attributes that say whether a resource is retained."""
    for attribute in ("DeletionPolicy", "UpdateReplacePolicy"):
        old, new = (resources[name].get(attribute) for resources in (update.before, update.after))
        if old != new:
            yield f"{attribute} {old or 'Delete'} → {new or 'Delete'}"


def _scaling(update: Update, owners: Owners, name: str) -> str:
    """What happens to the target or the policy of a scaling resource."""
    before, after = update.before, update.after
    native = is_of(before, name, NATIVE_TARGET, NATIVE_POLICY) or is_of(after, name, NATIVE_TARGET, NATIVE_POLICY)
    if not native and not is_of(before, name, SCALING) and not is_of(after, name, SCALING):
        return ""
    if name in before and name in after and (native or name not in update.replaced):
        changes = [*differences(update, name)]
        if native:
            return f"{name}: {', '.join(changes)}" if changes else ""
        if not changes and name not in update.changed:
            return ""
        return f"{update.targets_after[name]}: {', '.join(changes) or 'updated, but nothing of it changes'}"
    if name in after:
        return _registration(update, owners, name)
    takers = [each for each in of_type(after, SCALING) if owners.former(each) == name]
    if takers or is_kept(before, name) or is_of(before, name, NATIVE_POLICY):
        return ""
    return f"{name} {_removal(update, name)} in the clean-up"


def _registration(update: Update, owners: Owners, name: str) -> str:
    """What the Create of a scaling resource does, or its Update to another target."""
    before, after = update.before, update.after
    if is_of(after, name, NATIVE_POLICY):
        return f"{name} is new"
    target = update.targets_after.get(name)
    if former := owners.former(name):
        told = f"{name} takes over {target} from {former}"
    else:
        is_adopted = is_of(after, name, SCALING) and target in update.targets_before.values()
        told = f"{name} {'adopts' if is_adopted else 'registers'} {target or name}"
    is_removed = name in before and not is_kept(after, name, "UpdateReplacePolicy")
    return told + (f", and {_removal(update, name)} in the clean-up" if is_removed else "")


def _removal(update: Update, name: str) -> str:
    """What the Delete of a scaling resource does. It releases what it has adopted."""
    may_release = is_of(update.before, name, SCALING) and adopts(update.before, name)
    does = "deregisters, or releases if it has adopted it," if may_release else "deregisters"
    return f"{does} {update.targets_before.get(name, name)}"


def _told(found: Iterable[Target]) -> str:
    return words.joined(sorted({str(target) for target in found}))


def _verb(things: Sized, singular: str) -> str:
    return singular if len(things) == 1 else singular.removesuffix("s")


def _it(things: Sized) -> str:
    return "it" if len(things) == 1 else "them"
