"""IAM roles of a run. They have a path of their own, by which they are found."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from conformance.account import KINDS, PREFIX, Account, Kind, has_tag

PATH = f"/{PREFIX.rstrip('-')}/"
_VERSION = "2012-10-17"
Statement = Mapping[str, Any]


def make(
    account: Account, name: str, trust: Statement, statements: Sequence[Statement], tags: list[dict[str, str]]
) -> str:
    """Makes a role whose only policy has these statements. Returns its ARN."""
    iam = account.client("iam")
    role = iam.create_role(
        RoleName=name,
        Path=PATH,
        Description="Made by make conformance, which deletes it",
        AssumeRolePolicyDocument=_document({"Effect": "Allow", "Action": "sts:AssumeRole", **trust}),
        Tags=tags,
    )["Role"]
    iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=_document(*statements))
    return str(role["Arn"])


def _document(*statements: Statement) -> str:
    return json.dumps({"Version": _VERSION, "Statement": statements})


def _names(account: Account, prefix: str) -> list[str]:
    iam = account.client("iam")
    found = account.all(iam, "list_roles", "Roles", PathPrefix=PATH)
    names = [role["RoleName"] for role in found if role["RoleName"].startswith(prefix)]
    return [name for name in names if has_tag(iam.list_role_tags(RoleName=name)["Tags"])]


def _delete(account: Account, name: str) -> object:
    iam = account.client("iam")
    for policy in account.all(iam, "list_role_policies", "PolicyNames", RoleName=name):
        iam.delete_role_policy(RoleName=name, PolicyName=policy)
    return iam.delete_role(RoleName=name)


KINDS.append(Kind("role", _names, _delete))
