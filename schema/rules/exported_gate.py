"""A rule for cfn-lint: no stack exports the id of its update gate."""

from typing import Any

from cfnlint import rules, template

GATE = "Custom::SageMakerEndpointUpdateGate"


class ExportedGate(rules.CloudFormationLintRule):  # type: ignore[misc]
    """Warns of an export that blocks the endpoint's next update."""

    id = "W9305"
    shortdesc = "Export of an update gate's id"
    description = "Finds exports that block the next update: a gate's id changes with its configuration"
    tags = ("outputs", "sagemaker")

    def match(self, cfn: template.Template) -> list[rules.RuleMatch]:
        """Checks all outputs."""
        return [
            rules.RuleMatch(
                ["Outputs", path[1], "Value"],
                f"{gate}: do not export the id of a gate; it changes with each configuration, and CloudFormation "
                "refuses to change an export in use. Scaling in another stack needs no UpdateGate: set "
                "IncludeOtherStacks on the gate",
            )
            for function in ("Ref", "Fn::Sub")
            for path in cfn.search_deep_keys(function)
            if path[0] == "Outputs" and path[2] == "Value" and "Export" in cfn.template["Outputs"][path[1]]
            for gate in cfn.get_resources(GATE)
            if refers_to(function, path[-1], gate)
        ]


def refers_to(function: str, argument: Any, gate: str) -> bool:
    """Whether Ref or Fn::Sub with this argument returns the id of a gate."""
    if function == "Ref":
        return bool(argument == gate)
    text = argument[0] if isinstance(argument, list) else argument
    return f"${{{gate}}}" in str(text)
