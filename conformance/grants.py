"""What template.yaml grants the function for scaling, as statements of a policy."""

from conformance.account import Account
from conformance.beliefs import ROOT
from conformance.declared import Template
from conformance.roles import Statement

_POLICIES = ("scalable-targets", "what-scaling-does")
_ALARMS = "Alarms"
_NARROW = "alarm:TargetTracking-*"
"""The alarms of target tracking policies have such names."""


def statements(account: Account, *, with_narrow_alarms: bool = False) -> list[Statement]:
    """The statements, for this account and Region."""
    names = {"Partition": account.scaling.meta.partition, "Region": account.region, "AccountId": account.account_id()}
    template = Template((ROOT / "template.yaml").read_text(), {}, **names)
    policies = dict(template.of_type("AWS::IAM::Role"))["Role"]["Policies"]
    granted = [policy["PolicyDocument"]["Statement"] for policy in policies if policy["PolicyName"] in _POLICIES]
    assert len(granted) == len(_POLICIES)
    found = [statement for group in granted for statement in group]
    return [_narrowed(statement) for statement in found] if with_narrow_alarms else found


def _narrowed(statement: Statement) -> Statement:
    if statement["Sid"] != _ALARMS:
        return statement
    resource = str(statement["Resource"])
    assert resource.endswith(":alarm:*"), resource
    return {**statement, "Resource": resource.removesuffix("alarm:*") + _NARROW}
