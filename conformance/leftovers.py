"""What outlives the endpoints of a run: snapshots of the function, and log groups of SageMaker. Neither has our tag."""

import re

from botocore.exceptions import ClientError

from conformance.account import KINDS, PREFIX, Account, Kind

SNAPSHOTS = "/sagemaker-scaling/snapshots"
"""The function's snapshots are below it. A test compares it with src/snapshot/parameter.rs."""
_LOGS = ("/aws/sagemaker/Endpoints/", "/aws/sagemaker/InferenceComponents/")
_OF_A_RUN = re.compile(rf"{PREFIX}[0-9a-f]{{8}}(-|/|$)")
"""How the names of endpoints and inference components of a run begin."""


def snapshots(account: Account, prefix: str) -> list[str]:
    """The function's snapshots of targets whose names begin with a prefix."""
    below = {"Path": SNAPSHOTS, "Recursive": True}
    names = [item["Name"] for item in account.all(account.parameters, "get_parameters_by_path", "Parameters", **below)]
    return [name for name in names if _target(name)[1].startswith(prefix)]


def _target(snapshot: str) -> tuple[str, str]:
    """The type and the name of the target of a snapshot. Empty for another parameter."""
    kind, _, rest = snapshot.removeprefix(f"{SNAPSHOTS}/").lower().partition("/")
    return (kind, rest.partition("/")[0]) if kind in ("endpoint", "inference-component") else ("", "")


def _orphans(account: Account, prefix: str) -> list[str]:
    """The snapshots of targets of a run whose endpoint or inference component does not exist."""
    return [name for name in snapshots(account, prefix) if _is_orphaned(account, *_target(name))]


def _is_orphaned(account: Account, kind: str, name: str) -> bool:
    if not _OF_A_RUN.match(name):
        return False
    try:
        if kind == "endpoint":
            account.sagemaker.describe_endpoint(EndpointName=name)
        else:
            account.sagemaker.describe_inference_component(InferenceComponentName=name)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationException":
            return True
        raise
    return False


def _log_groups(account: Account, prefix: str) -> list[str]:
    """The log groups that SageMaker made for endpoints of a run. It does not delete them."""
    logs = account.of_stacks("logs")
    begins = [begin + prefix for begin in _LOGS]
    found = [account.all(logs, "describe_log_groups", "logGroups", logGroupNamePrefix=begin) for begin in begins]
    names = [group["logGroupName"] for groups in found for group in groups]
    return [name for name in names if _OF_A_RUN.match(name.rpartition("/")[2])]


def _delete_snapshot(account: Account, name: str) -> object:
    return account.parameters.delete_parameter(Name=name)


def _delete_log_group(account: Account, name: str) -> object:
    return account.of_stacks("logs").delete_log_group(logGroupName=name)


KINDS.append(Kind("snapshot", _orphans, _delete_snapshot, is_of_stacks=True))
KINDS.append(Kind("log group", _log_groups, _delete_log_group, is_of_stacks=True))
