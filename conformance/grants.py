"""What template.yaml grants the function for scaling, as statements of a policy."""

from collections.abc import Mapping
from typing import Any

import yaml

from conformance.account import Account
from conformance.beliefs import ROOT
from conformance.roles import Statement

_POLICIES = ("scalable-targets", "what-scaling-does")
_ALARMS = "Alarms"
_NARROW = "alarm:TargetTracking-*"
"""The alarms of target tracking policies have such names."""


class _Template(yaml.SafeLoader):
    """Reads a template. The argument of a function replaces the function."""

    def argument(self, _: str, node: yaml.Node) -> Any:
        if isinstance(node, yaml.ScalarNode):
            return self.construct_scalar(node)
        assert isinstance(node, yaml.SequenceNode)
        return self.construct_sequence(node, deep=True)


_Template.add_multi_constructor("!", _Template.argument)


def statements(account: Account, *, with_narrow_alarms: bool = False) -> list[Statement]:
    """The statements, for this account and Region."""
    template = yaml.load((ROOT / "template.yaml").read_text(), _Template)
    policies = template["Resources"]["Role"]["Properties"]["Policies"]
    granted = [policy["PolicyDocument"]["Statement"] for policy in policies if policy["PolicyName"] in _POLICIES]
    assert len(granted) == len(_POLICIES)
    names = {
        "AWS::Partition": account.scaling.meta.partition,
        "AWS::Region": account.region,
        "AWS::AccountId": account.account_id(),
    }
    return [_filled(statement, names, with_narrow_alarms) for group in granted for statement in group]


def _filled(statement: Mapping[str, Any], names: Mapping[str, str], is_narrow: bool) -> Statement:
    resource = str(statement["Resource"])
    for name, value in names.items():
        resource = resource.replace(f"${{{name}}}", value)
    if is_narrow and statement["Sid"] == _ALARMS:
        assert resource.endswith(":alarm:*"), resource
        resource = resource.removesuffix("alarm:*") + _NARROW
    return {**statement, "Resource": resource}
