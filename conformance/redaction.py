"""Removes from a request or a reply what belongs to an account, to a person or to one run."""

import re
from typing import Any

from conformance.account import PREFIX

ACCOUNT = "111122223333"
RUN = "00000000"
_TIME = "2026-01-01T00:00:00Z"
_EPOCH = {"E": "1.7672256E9", ".": "1767225600.123", "": "1767225600"}
"""A time in each form in which AWS writes numbers."""
_REDACTED = "REDACTED"
_UUID = "00000000-0000-0000-0000-00000000000a"
"""Its last part has a letter, because an account's id has twelve digits."""
_SECRET_MEMBERS = re.compile(r"(?i)token|password|secret|credential|signature|accesskey|requestid")
_OWN_MEMBERS = re.compile(r"ModelName|.*Image|.*ContainerHostname")
"""The members that name resources of the user."""
_TIME_MEMBER = re.compile(r".*(Time|Date|Timestamp)")
_MARK = "\ue000"
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(rf"({PREFIX})[0-9a-f]{{8}}"), rf"\g<1>{RUN}"),
    (re.compile(rf"({PREFIX.upper()})[0-9A-F]{{8}}"), rf"\g<1>{RUN}"),
    (re.compile(r"\A[0-9a-f]{8}\Z"), RUN),
    (re.compile(r"https?://[^\s\"'<>]+"), "https://host.invalid"),
    (re.compile(r"(?i)\b(X-Amz-[\w-]+|Signature|SignedHeaders|Credential|AWSAccessKeyId)=[^&\s\",]+,?"), _REDACTED),
    (re.compile(r"\bA[A-Z]{3}[A-Z0-9]{12,124}\b"), _REDACTED),
    (re.compile(r"(scalable-target/)[0-9a-z]{36}"), r"\g<1>" + "0" * 36),
    (re.compile(r"(?i)(?<![0-9a-f])[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9a-f])"), _UUID),
    (re.compile(r"(?<!\w)\d{12}(?!\w)"), ACCOUNT),
    (re.compile(r"(?<![\w-])(assumed-role|federated-user|user|role)/(?!aws-service-role/)[^\s\"']+"), r"\1/NAME"),
    (
        re.compile(r"\b(?:[\w-]+\.)+amazonaws\.com(?:\.cn)?(?<!\.application-autoscaling\.amazonaws\.com)"),
        "host.invalid",
    ),
    (re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b"), "192.0.2.1"),
    (re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+"), _REDACTED),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?"), _TIME),
    (re.compile(r"\b\d{8}T\d{6}Z\b"), "20260101T000000Z"),
)
"""Each is applied in turn to every text."""
_LONG = re.compile(rf"[A-Za-z0-9+/=_{_MARK}-]{{20,}}")
_MIXED = re.compile(r"(?=.*\d)(?=.*[a-z])(?=.*[A-Z])|^(?=.*\d)[0-9a-z]{32,}$|^(?=.*\d)[0-9A-F]{16,}$")


class Number(str):
    """A number as AWS has written it."""


def redacted(value: Any, member: str = "") -> Any:
    """A value without secrets. `member` is the name of the member that has it."""
    if isinstance(value, dict):
        is_secret = _SECRET_MEMBERS.search(member)
        return {text(name): redacted(item, member if is_secret else name) for name, item in value.items()}
    if isinstance(value, list):
        return [redacted(item, member) for item in value]
    if isinstance(value, Number):
        return _number(value, member)
    if isinstance(value, str):
        if _SECRET_MEMBERS.search(member) or _OWN_MEMBERS.fullmatch(member):
            return _REDACTED
        return text(value)
    return value


def text(given: str) -> str:
    """A text without secrets."""
    for pattern, replacement in _PATTERNS:
        given = pattern.sub(replacement, given)
    # The names of a run are long, and have to stay.
    marked = re.sub(re.escape(PREFIX), _MARK, given)
    return _LONG.sub(_without_token, marked).replace(_MARK, PREFIX)


def _without_token(found: re.Match[str]) -> str:
    return _REDACTED if _MIXED.search(found[0].replace(_MARK, "")) else found[0]


def _number(value: Number, member: str) -> Number:
    if _TIME_MEMBER.fullmatch(member):
        form = "E" if "E" in value.upper() else "." if "." in value else ""
        return Number(_EPOCH[form])
    return Number(ACCOUNT) if re.fullmatch(r"\d{12}", value) else value
