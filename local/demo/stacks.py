"""Stacks on MiniStack's CloudFormation, from unchanged template files."""

import hashlib
import itertools
import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

from demo.environment import ROOT

_SETTLE_SECONDS = 600
_BUCKET = "packages"
_CODE_URI = "CodeUri: ."


class StackError(Exception):
    """A stack did not settle."""


@dataclass(frozen=True)
class Settled:
    """A stack after an operation. A deleted stack has its last state."""

    status: str
    seconds: float
    outputs: dict[str, str]
    events: list[dict[str, Any]]
    """The events of this operation, oldest first."""

    def failures(self) -> list[tuple[str, str]]:
        """Resource and reason of each event that reports a failure."""
        return _failures(self.events)

    def failures_before_rollback(self) -> list[tuple[str, str]]:
        """Those of the update itself."""
        return _failures(itertools.takewhile(_is_before_rollback, self.events))

    def not_reverted(self) -> list[str]:
        """The resources whose rollback failed."""
        of_rollback = itertools.dropwhile(_is_before_rollback, self.events)
        return [event["LogicalResourceId"] for event in of_rollback if event["ResourceStatus"] == "UPDATE_FAILED"]


def _failures(events: Iterable[Mapping[str, Any]]) -> list[tuple[str, str]]:
    return [
        (event["LogicalResourceId"], event.get("ResourceStatusReason", ""))
        for event in events
        if event["ResourceStatus"].endswith("_FAILED")
    ]


def _is_before_rollback(event: Mapping[str, Any]) -> bool:
    return bool(event["ResourceStatus"] != "UPDATE_ROLLBACK_IN_PROGRESS")


class Stacks:
    """The stacks of one MiniStack."""

    def __init__(self, url: str) -> None:
        session = botocore.session.get_session()
        # The bucket is in the path of the URL: a host name with it does not resolve here.
        config = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1})
        self._cloudformation: Any = session.create_client("cloudformation", endpoint_url=url, config=config)
        self._s3: Any = session.create_client("s3", endpoint_url=url, config=config)
        self._logs: Any = session.create_client("logs", endpoint_url=url, config=config)
        self.tags: dict[str, str] = {}
        """The tags of stacks that are created or updated from now on."""

    def upload(self, content: bytes) -> str:
        """Uploads code or a template, and returns its `s3://` URL."""
        self._s3.create_bucket(Bucket=_BUCKET)
        key = hashlib.sha256(content).hexdigest()
        self._s3.put_object(Bucket=_BUCKET, Key=key, Body=content)
        return f"s3://{_BUCKET}/{key}"

    def create(self, name: str, template: str, **parameters: str) -> Settled:
        """Creates a stack, and waits until it is settled."""
        return self._carry_out(self._cloudformation.create_stack, name, template, parameters)

    def update(self, name: str, template: str, **parameters: str) -> Settled:
        """Updates a stack, and waits until it is settled, clean-up included."""
        return self._carry_out(self._cloudformation.update_stack, name, template, parameters)

    def delete(self, name: str) -> Settled:
        """Deletes a stack, and waits until it is gone."""
        stack_id = self._describe(name)["StackId"]
        seen = {event["EventId"] for event in self._events(stack_id)}
        self._cloudformation.delete_stack(StackName=name)
        return self._settle(stack_id, seen)

    def exists(self, name: str) -> bool:
        """Whether there is such a stack."""
        try:
            self._describe(name)
        except ClientError:
            return False
        return True

    def stack_id(self, name: str) -> str:
        """A stack's ARN."""
        stack_id: str = self._describe(name)["StackId"]
        return stack_id

    def log_lines(self, group: str) -> Iterator[dict[str, Any]]:
        """The function's own log lines, which are JSON objects, oldest first."""
        for event in self._logs.filter_log_events(logGroupName=group)["events"]:
            if event["message"].startswith("{"):
                yield json.loads(event["message"])

    def _carry_out(self, operation: Any, name: str, template: str, parameters: dict[str, str]) -> Settled:
        seen = {event["EventId"] for event in self._events(name)} if self.exists(name) else set()
        reply = operation(
            StackName=name,
            # A template body in the request has at most 51,200 bytes.
            TemplateURL=template_url(self.upload(template.encode())),
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            Tags=[{"Key": key, "Value": value} for key, value in self.tags.items()],
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        )
        return self._settle(reply["StackId"], seen)

    def _settle(self, stack_id: str, seen: set[str]) -> Settled:
        begin = time.monotonic()
        while (stack := self._describe(stack_id))["StackStatus"].endswith("_IN_PROGRESS"):
            if time.monotonic() - begin > _SETTLE_SECONDS:
                raise StackError(f"{stack_id} is still {stack['StackStatus']} after {_SETTLE_SECONDS} s")
            time.sleep(0.05)
        return Settled(
            status=stack["StackStatus"],
            seconds=time.monotonic() - begin,
            outputs={output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])},
            events=[event for event in self._events(stack_id) if event["EventId"] not in seen],
        )

    def _describe(self, name: str) -> dict[str, Any]:
        stack: dict[str, Any] = self._cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        return stack

    def _events(self, name: str) -> list[dict[str, Any]]:
        return list(reversed(self._cloudformation.describe_stack_events(StackName=name)["StackEvents"]))


def template_url(uploaded: str) -> str:
    """The URL of an uploaded template, from its `s3://` URL."""
    return uploaded.replace("s3://", "https://s3.amazonaws.com/")


def function_template(package: str) -> str:
    """template.yaml with the package instead of the source. `sam deploy` changes nothing else in it."""
    text = (ROOT / "template.yaml").read_text()
    assert text.count(_CODE_URI) == 1, f"template.yaml has not one line {_CODE_URI!r}"
    return text.replace(_CODE_URI, f"CodeUri: {package}")


def without_gate(template: str) -> str:
    """A template with a gate, without the gate: its endpoint names the configuration directly."""
    text = re.sub(r"\n(?:  #.*\n)*  Gate:\n(?:    .*\n)+", "", template)
    text = text.replace("      # Through the gate, which so comes first.\n", "")
    text = text.replace("!GetAtt Gate.EndpointConfigName", "!GetAtt Config.EndpointConfigName")
    text = text.replace("      UpdateGate: !Ref Gate\n", "")
    assert "Gate" not in text and text != template, text
    return text


def example(name: str) -> str:
    """A template of examples/."""
    return Path(ROOT / "examples" / f"{name}.yaml").read_text()
