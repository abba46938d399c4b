"""An alarm that rolls a deployment back when the run wants it."""

from typing import Any

from conformance.account import KINDS, PREFIX, Account, Kind, has_tag
from conformance.check import NotApplicableError
from demo.stage import CallError, LocalAws

_SECONDS = 60


def make(account: Account, name: str, tags: list[dict[str, str]]) -> None:
    """Makes an alarm that stays out of the state ALARM."""
    if not account.is_local:
        _put(account, name, "notBreaching", Tags=tags)


def trip(account: Account, name: str) -> None:
    """Puts the alarm into the state ALARM for good. On AWS, this takes about two minutes.

    Its metric has no data, and from now on missing data counts as breaching:
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
    """
    if not account.is_local:
        _put(account, name, "breaching")
        return
    try:
        LocalAws(account.local_aws).call("LocalAws.TripAlarm", AlarmName=name)
    except CallError as error:
        raise NotApplicableError("this implementation cannot put an alarm into the state ALARM") from error


def _put(account: Account, name: str, missing_data: str, **members: Any) -> None:
    account.client("cloudwatch").put_metric_alarm(
        AlarmName=name,
        AlarmDescription="Made by make conformance, which deletes it",
        ActionsEnabled=False,
        Namespace=PREFIX.rstrip("-"),
        MetricName="none",
        Statistic="Sum",
        Period=_SECONDS,
        EvaluationPeriods=1,
        Threshold=0.0,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData=missing_data,
        **members,
    )


def _names(account: Account, prefix: str) -> list[str]:
    cloudwatch = account.client("cloudwatch")
    found = account.all(cloudwatch, "describe_alarms", "MetricAlarms", AlarmNamePrefix=prefix)
    return [alarm["AlarmName"] for alarm in found if _is_ours(cloudwatch, alarm["AlarmArn"])]


def _is_ours(cloudwatch: Any, arn: str) -> bool:
    return has_tag(cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"])


def _delete(account: Account, name: str) -> object:
    return account.client("cloudwatch").delete_alarms(AlarmNames=[name])


KINDS.append(Kind("alarm", _names, _delete))
