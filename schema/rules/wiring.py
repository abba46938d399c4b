"""Rules for cfn-lint: how an endpoint, its gate and its scaling refer to each other.

A rule says nothing about values that the template does not tell, such as an imported name.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from cfnlint import rules, template

SCALING = "Custom::SageMakerScalableTarget"
GATE = "Custom::SageMakerEndpointUpdateGate"
ENDPOINT = "AWS::SageMaker::Endpoint"
CONFIG = "AWS::SageMaker::EndpointConfig"
VARIANT = "sagemaker:variant:DesiredInstanceCount"


class ExportedGate(rules.CloudFormationLintRule):  # type: ignore[misc]
    """Warns of an export that blocks the endpoint's next update."""

    id = "W9305"
    shortdesc = "Export of an update gate's id"
    description = "Finds exports that block the next update: a gate's id changes with its configuration"
    tags = ("outputs", "sagemaker")

    def match(self, cfn: template.Template) -> Iterator[rules.RuleMatch]:
        """Checks all outputs."""
        for name, output in cfn.template.get("Outputs", {}).items():
            for gate in dict.fromkeys(found for found, attribute in references(output) if not attribute):
                if "Export" in output and gate in cfn.get_resources(GATE):
                    text = (
                        f"{gate}: do not export the id of a gate; it changes with each configuration, and "
                        "CloudFormation refuses to change an export in use. Scaling in another stack needs no "
                        "UpdateGate: set IncludeOtherStacks on the gate"
                    )
                    yield rules.RuleMatch(["Outputs", name, "Value"], text)


class GateBesideItsEndpoint(rules.CloudFormationLintRule):  # type: ignore[misc]
    """Reports a gate that CloudFormation does not update before its endpoint, and a second gate."""

    id = "E9306"
    shortdesc = "Update gates that have no effect"
    description = "Finds endpoints whose configuration does not pass through their gate, and second gates"
    tags = ("resources", "sagemaker")

    def match(self, cfn: template.Template) -> Iterator[rules.RuleMatch]:
        """Checks all endpoints."""
        for name in cfn.get_resources(ENDPOINT):
            gates = gates_of(cfn, identity(cfn, {"Ref": name}))
            if any(name in endpoints_before(cfn, gate) for gate in gates):
                continue
            if gates and not config_sources(cfn, name) & set(gates):
                text = (
                    f"EndpointConfigName: expected !GetAtt {gates[0]}.EndpointConfigName; otherwise CloudFormation "
                    f"does not update {gates[0]} before this endpoint"
                )
                yield rules.RuleMatch(["Resources", name, "Properties", "EndpointConfigName"], text)
            always = [gate for gate in gates if "Condition" not in cfn.get_resources()[gate]]
            for second in always[1:]:
                text = f"{second}: endpoint {name} has the gate {always[0]}, too; keep one of the two"
                yield rules.RuleMatch(["Resources", second], text)


class ScalingWithoutGate(rules.CloudFormationLintRule):  # type: ignore[misc]
    """Warns of an endpoint that cannot change its instance type while it scales."""

    id = "W9307"
    shortdesc = "Endpoints that scale without an update gate"
    description = "Finds endpoints whose instance type cannot change while they scale"
    tags = ("resources", "sagemaker")

    def match(self, cfn: template.Template) -> Iterator[rules.RuleMatch]:
        """Checks all scaling resources."""
        for name, properties in scalings(cfn):
            gates = gates_of(cfn, identity(cfn, properties.get("EndpointName")))
            for endpoint in endpoints_of(cfn, properties):
                has_generated_name = "EndpointName" not in properties_of(cfn, endpoint)
                # Its gate has the generated name as text, which `gates_of` cannot compare.
                if has_generated_name and config_sources(cfn, endpoint) & set(cfn.get_resources(GATE)):
                    continue
                if not gates:
                    text = (
                        f"{name}: SageMaker refuses an update of {endpoint} that removes this variant or changes its "
                        f"instance type; put a {GATE} before {endpoint} (docs/UPDATES.md), or switch this warning off"
                    )
                    yield rules.RuleMatch(["Resources", name], text)


class MinimumOverMaximum(rules.CloudFormationLintRule):  # type: ignore[misc]
    """Reports limits that the function refuses."""

    id = "E9308"
    shortdesc = "Minimum capacities over their maximum"
    description = "Finds a MinCapacity that is more than its MaxCapacity"
    tags = ("resources", "sagemaker")

    def match(self, cfn: template.Template) -> Iterator[rules.RuleMatch]:
        """Checks all scaling resources."""
        for name, properties in scalings(cfn):
            path: list[Any] = ["Resources", name, "Properties"]
            yield from limits_in_order(cfn, properties, path)
            actions = properties.get("ScheduledActions")
            for index, action in enumerate(actions if isinstance(actions, list) else []):
                limits = action.get("ScalableTargetAction") if isinstance(action, dict) else None
                place = [*path, "ScheduledActions", index, "ScalableTargetAction"]
                yield from limits_in_order(cfn, limits, place)


class TwoOwners(rules.CloudFormationLintRule):  # type: ignore[misc]
    """Reports a second resource for a target, which the function refuses."""

    id = "E9309"
    shortdesc = "Two resources for one scalable target"
    description = "Finds a second resource for a scalable target"
    tags = ("resources", "sagemaker")

    def match(self, cfn: template.Template) -> Iterator[rules.RuleMatch]:
        """Checks all scaling resources that no condition leaves out."""
        owners: dict[str, str] = {}
        for name, properties in scalings(cfn):
            if "Condition" in cfn.get_resources()[name]:
                continue
            parts = [identity(cfn, properties.get("EndpointName"))]
            parts += [known(cfn, properties.get(part)) for part in ("VariantName", "InferenceComponentName")]
            target = json.dumps([*parts, known(cfn, properties.get("ScalableDimension", VARIANT))])
            first = owners.setdefault(target, name)
            if first != name:
                text = f"{name}: {first} scales the same variant; keep one of the two"
                yield rules.RuleMatch(["Resources", name], text)


class NoServiceTimeout(rules.CloudFormationLintRule):  # type: ignore[misc]
    """Warns of a resource for which a stack waits an hour if the function does not answer."""

    id = "W9310"
    shortdesc = "Resources without ServiceTimeout"
    description = "Finds resources that have no ServiceTimeout"
    tags = ("resources", "sagemaker")

    def match(self, cfn: template.Template) -> Iterator[rules.RuleMatch]:
        """Checks all resources of the function."""
        for name in (*cfn.get_resources(SCALING), *cfn.get_resources(GATE)):
            if "ServiceTimeout" not in properties_of(cfn, name):
                text = (
                    f"{name}: set ServiceTimeout to how many seconds its endpoint may take; without it, the stack "
                    "waits for an hour if the function cannot answer"
                )
                yield rules.RuleMatch(["Resources", name], text)


class NamedConfig(rules.CloudFormationLintRule):  # type: ignore[misc]
    """Warns of a configuration whose changes its gate does not see."""

    id = "W9311"
    shortdesc = "Endpoint configurations with a name of their own behind an update gate"
    description = "Finds configurations that keep their name when they change, so that a gate sees no change"
    tags = ("resources", "sagemaker")

    def match(self, cfn: template.Template) -> Iterator[rules.RuleMatch]:
        """Checks the configurations of all gates."""
        wanted = [properties_of(cfn, gate).get("EndpointConfigName") for gate in cfn.get_resources(GATE)]
        behind = {name for name, _ in references(wanted)}
        for name in cfn.get_resources(CONFIG):
            if name in behind and isinstance(properties_of(cfn, name).get("EndpointConfigName"), str):
                text = (
                    "EndpointConfigName: remove it, so that each change has a new name; a gate recognizes a new "
                    "configuration by its name"
                )
                yield rules.RuleMatch(["Resources", name, "Properties", "EndpointConfigName"], text)


class GateBehindItsEndpoint(rules.CloudFormationLintRule):  # type: ignore[misc]
    """Reports a gate that CloudFormation updates after its endpoint."""

    id = "E9312"
    shortdesc = "Update gates that depend on their endpoint"
    description = "Finds gates that refer to their endpoint, and so come after it"
    tags = ("resources", "sagemaker")

    def match(self, cfn: template.Template) -> Iterator[rules.RuleMatch]:
        """Checks all gates."""
        for name in cfn.get_resources(GATE):
            for endpoint in endpoints_before(cfn, name):
                text = f"EndpointName: write the name of {endpoint} as text; the gate comes before the endpoint"
                yield rules.RuleMatch(["Resources", name, "Properties", "EndpointName"], text)


class ScalingBesideItsGate(rules.CloudFormationLintRule):  # type: ignore[misc]
    """Warns of a scaling resource that CloudFormation does not update with its gate."""

    id = "W9313"
    shortdesc = "Scaling resources without UpdateGate"
    description = "Finds resources that do not name the gate of their endpoint"
    tags = ("resources", "sagemaker")

    def match(self, cfn: template.Template) -> Iterator[rules.RuleMatch]:
        """Checks all scaling resources."""
        for name, properties in scalings(cfn):
            gates = gates_of(cfn, identity(cfn, properties.get("EndpointName")))
            if gates and "InferenceComponentName" not in properties and "UpdateGate" not in properties:
                text = f"{name}: add UpdateGate: !Ref {gates[0]}, so that it is updated with the gate of its endpoint"
                yield rules.RuleMatch(["Resources", name], text)


class UnknownAttribute(rules.CloudFormationLintRule):  # type: ignore[misc]
    """Reports an attribute that the function does not return."""

    id = "E9314"
    shortdesc = "Attributes of Custom::SageMaker resources"
    description = "Finds Fn::GetAtt of attributes that the function does not return"
    tags = ("resources", "sagemaker")

    def match(self, cfn: template.Template) -> Iterator[rules.RuleMatch]:
        """Checks all references."""
        resources = cfn.get_resources()
        for function in ("Fn::GetAtt", "Fn::Sub"):
            for path in cfn.search_deep_keys(function):
                for name, attribute in references({function: path[-1]}):
                    kind = resources.get(name, {}).get("Type")
                    policies = properties_of(cfn, name).get("ScalingPolicies", []) if kind == SCALING else []
                    if kind in ATTRIBUTES and attribute and not has_attribute(kind, policies, attribute):
                        text = f"{name} has no attribute {attribute}; it has {', '.join(ATTRIBUTES[kind])}"
                        if policies:
                            text += f", and PolicyARN1 to PolicyARN{len(policies)} or PolicyARN. with a policy's name"
                        yield rules.RuleMatch(path[:-1], text)


ATTRIBUTES = {
    GATE: ("EndpointName", "EndpointConfigName"),
    SCALING: (
        "ScalableTargetARN",
        "ResourceId",
        "ServiceNamespace",
        "ScalableDimension",
        "EndpointName",
        "VariantName",
        "InferenceComponentName",
        "MinCapacity",
        "MaxCapacity",
    ),
}


def has_attribute(kind: str, policies: Any, attribute: str) -> bool:
    """Whether a resource with these policies may have an attribute."""
    if attribute in ATTRIBUTES[kind]:
        return True
    arn = re.fullmatch(r"PolicyARN(?:([1-9][0-9]*)|[.](.+))", attribute)
    if kind != SCALING or not arn:
        return False
    if not isinstance(policies, list) or not all(isinstance(each, dict) and "PolicyName" in each for each in policies):
        # Such as an Fn::If, which may have any.
        return True
    names = [each["PolicyName"] for each in policies]
    return int(arn[1]) <= len(names) if arn[1] else arn[2] in names or not all(isinstance(name, str) for name in names)


def scalings(cfn: template.Template) -> Iterator[tuple[str, dict[str, Any]]]:
    """The scaling resources, with their properties."""
    for name in cfn.get_resources(SCALING):
        yield name, properties_of(cfn, name)


def properties_of(cfn: template.Template, name: str) -> dict[str, Any]:
    """The properties of a resource, or none if they are no object."""
    properties = cfn.get_resources()[name].get("Properties")
    return properties if isinstance(properties, dict) else {}


def endpoints_of(cfn: template.Template, properties: dict[str, Any]) -> list[str]:
    """The endpoint of the template that a resource scales, if there is one."""
    wanted = identity(cfn, properties.get("EndpointName"))
    return [name for name in cfn.get_resources(ENDPOINT) if identity(cfn, {"Ref": name}) == wanted]


def gates_of(cfn: template.Template, endpoint: str) -> list[str]:
    """The gates of an endpoint."""
    gates = cfn.get_resources(GATE)
    return [name for name in gates if identity(cfn, properties_of(cfn, name).get("EndpointName")) == endpoint]


def config_sources(cfn: template.Template, endpoint: str) -> set[str]:
    """The resources that an endpoint's `EndpointConfigName` refers to."""
    return {found for found, _ in references(properties_of(cfn, endpoint).get("EndpointConfigName"))}


def endpoints_before(cfn: template.Template, gate: str) -> list[str]:
    """The endpoints that the name in a gate refers to."""
    name = properties_of(cfn, gate).get("EndpointName")
    return [found for found, _ in references(name) if found in cfn.get_resources(ENDPOINT)]


def identity(cfn: template.Template, value: Any) -> str:
    """A text that is the same for all values that name one endpoint."""
    found = whole_reference(value)
    if found in cfn.get_resources(ENDPOINT) or found in cfn.get_resources(GATE):
        named = properties_of(cfn, found).get("EndpointName")
        return f"resource {found}" if named is None else identity(cfn, named)
    return str(known(cfn, value)).rpartition("/")[2].lower()


def known(cfn: template.Template, value: Any) -> Any:
    """A value with the defaults of parameters in the place of references, or its expression."""
    parameters = {name: each.get("Default") for name, each in cfn.template.get("Parameters", {}).items()}
    if isinstance(value, dict) and parameters.get(str(value.get("Ref"))) is not None:
        return parameters[value["Ref"]]
    if isinstance(value, dict) and isinstance(text := value.get("Fn::Sub"), str):
        put = re.sub(r"\$\{(\w+)\}", lambda name: str(parameters.get(name[1]) or name[0]), text)
        return put if "${" not in put else json.dumps({"Fn::Sub": put})
    return json.dumps(value, sort_keys=True, default=str) if isinstance(value, dict) else value


def whole_reference(value: Any) -> str:
    """The resource that a value is a reference to, and not only a part of it or one of several."""
    found = [name for name, _ in references(value)]
    text = value.get("Fn::Sub", "${}") if isinstance(value, dict) else None
    is_whole = isinstance(text, str) and re.fullmatch(r"\$\{[\w.]*\}", text)
    return found[0] if is_whole and value.keys() <= {"Ref", "Fn::GetAtt", "Fn::Sub"} else ""


def references(value: Any) -> Iterator[tuple[str, str]]:
    """The resources that a value refers to, each with its attribute."""
    if isinstance(value, list):
        for item in value:
            yield from references(item)
    if not isinstance(value, dict):
        return
    for function, argument in value.items():
        if function == "Ref":
            yield str(argument), ""
        elif function == "Fn::GetAtt":
            name, *attribute = argument.split(".", 1) if isinstance(argument, str) else argument
            yield str(name), str(*attribute)
        elif function == "Fn::Sub":
            text, *variables = argument if isinstance(argument, list) else [argument]
            yield from references(variables)
            for name, attribute in re.findall(r"\$\{(\w+)\.?([\w.]*)\}", str(text)):
                yield name, attribute
        else:
            yield from references(argument)


def limits_in_order(cfn: template.Template, limits: Any, path: list[Any]) -> Iterator[rules.RuleMatch]:
    """A finding if the minimum is over the maximum in some case of the conditions."""
    names = ("MinCapacity", "MaxCapacity")
    if not isinstance(limits, dict) or not all(name in limits for name in names):
        return
    both = {name: limits[name] for name in names}
    for case in cfn.get_object_without_conditions(both, list(names)):
        least, most = (number(known(cfn, case["Object"].get(name))) for name in names)
        if least is not None and most is not None and least > most:
            text = f"MinCapacity: expected at most MaxCapacity, {most}, found {least}"
            yield rules.RuleMatch([*path, "MinCapacity"], text)
            return


def number(value: Any) -> int | None:
    """A whole number, which may be text."""
    return int(value) if re.fullmatch(r"[0-9]+", str(value)) else None
