"""The rows: every fault, and the right behaviour."""

import json
from typing import Any

from bench.faults.judge import Expected
from bench.faults.scene import INVENTED_ID, SIGNATURE, WANTED, Row, Scene
from bench.faults.stubs import HANG, REDIRECT, RESET, ApiFault

BLUE, GREEN = "endpoint/prod/variant/blue", "endpoint/prod/variant/green"
_OTHERS_TAGS = {
    "sagemaker-scaling:stack-id": "arn:aws:cloudformation:us-east-1:111122223333:stack/other/1",
    "sagemaker-scaling:logical-id": "Theirs",
}
_LONG_ARN = "arn:aws:application-autoscaling:us-east-1:111122223333:scalable-target/" + 5000 * "a"
_FOREIGN_ARN = "arn:aws:application-autoscaling:us-east-1:111122223333:scalable-target/grün-漢字"


def _succeeds(**more: Any) -> Expected:
    return Expected(frozenset({"SUCCESS"}), targets={BLUE: WANTED}, **more)


def _fails(*clues: str, **more: Any) -> Expected:
    return Expected(frozenset({"FAILED"}), clues=clues, **more)


def _either(**more: Any) -> Expected:
    return Expected(frozenset({"SUCCESS", "FAILED"}), targets={BLUE: WANTED}, **more)


_UNANSWERABLE = Expected(frozenset({"unanswerable"}))
_UNDELIVERABLE = Expected(frozenset({"undeliverable"}), targets={BLUE: WANTED})
_DELETED = Expected(frozenset({"SUCCESS"}), keeps_id=True)
# Long enough for six retries of an answer, and for this project to wait until every read shows who registered a target.
_LONG = 25
_OTHERS_KEPT = Expected(frozenset({"SUCCESS"}), keeps_id=True, tests_ownership=True)


def _error(code: str, message: str, times: int = 1_000_000, status: int = 400) -> list[ApiFault]:
    return [ApiFault("error", code=code, message=message, times=times, status=status)]


def _denied() -> list[ApiFault]:
    message = "User: arn:aws:sts::111122223333:assumed-role/function is not authorized to perform the action"
    return _error("AccessDeniedException", message)


def _replies(body: bytes) -> list[ApiFault]:
    return [ApiFault("replace", body=body)]


def _registered(scene: Scene) -> None:
    scene.create()


def _registered_by_another_stack(scene: Scene) -> None:
    scene.register_foreign(_OTHERS_TAGS)


def _registered_by_hand(scene: Scene) -> None:
    scene.register_foreign({})


def _gone(scene: Scene) -> None:
    scene.create()
    scene.scaling(
        "DeregisterScalableTarget",
        ServiceNamespace="sagemaker",
        ResourceId=BLUE,
        ScalableDimension="sagemaker:variant:DesiredInstanceCount",
    )


def _taken_over_by_another_stack(scene: Scene) -> None:
    _gone(scene)
    scene.register_foreign(_OTHERS_TAGS)


def _create_failed(scene: Scene) -> None:
    scene.proxy.faults = _denied()
    scene.id = scene.answer(scene.event("Create", "blue", WANTED)).get("PhysicalResourceId") or INVENTED_ID
    scene.proxy.faults = []


def _create_over_anothers(scene: Scene) -> None:
    _registered_by_another_stack(scene)
    scene.id = scene.answer(scene.event("Create", "blue", (1, 9))).get("PhysicalResourceId") or INVENTED_ID


def _registered_with_an_invented_id(scene: Scene) -> None:
    scene.create()
    scene.id = INVENTED_ID


def _without(name: str) -> Any:
    def alter(event: dict[str, Any]) -> None:
        del event[name]

    return alter


def _of_type_foo(event: dict[str, Any]) -> None:
    event["RequestType"] = "Foo"


_LEAKY = f"denied; see https://localhost/?X-Amz-Signature={SIGNATURE}"
_LONG_TEXT = f"begin of text {10_000 * 'x'} end of text"

ROWS = [
    Row(
        "1",
        "Create: the service refuses with an unexpected error",
        "F",
        _fails("AccessDenied", "not authorized"),
        api=_denied,
    ),
    Row(
        "2",
        "Create: the process is killed in the middle of its work, once",
        "OK or F",
        _either(),
        api=lambda: [ApiFault("kill", times=1)],
    ),
    Row("3", "Create: the service never replies", "F", _fails("time"), api=lambda: [ApiFault(HANG)]),
    Row(
        "3b",
        "Update: the service never replies",
        "F, same id",
        _fails("time", keeps_id_when_failed=True),
        "Update",
        set_scene=_registered,
        api=lambda: [ApiFault(HANG)],
    ),
    Row("4", "no `ResourceProperties`", "F", _fails("ResourceProperties"), alter=_without("ResourceProperties")),
    Row("4b", "a property is missing", "F", _fails("MaxCapacity", "maxCapacity"), maximum=None),
    Row("4c", "text that is not a number", "F", _fails("MaxCapacity", "maxCapacity", "many"), maximum="many"),
    Row("5", "no `ResponseURL`, in a new process", "error, nothing done", _UNANSWERABLE, alter=_without("ResponseURL")),
    Row(
        "5b",
        "no `ResponseURL`, in a process that has answered before",
        "error, nothing done",
        _UNANSWERABLE,
        variant="green",
        set_scene=_registered,
        alter=_without("ResponseURL"),
    ),
    Row(
        "5c",
        "no `RequestId`",
        "F or error",
        Expected(frozenset({"FAILED", "unanswerable"}), optional=frozenset({"RequestId"})),
        alter=_without("RequestId"),
    ),
    Row("6", "`RequestType` is `Foo`", "F", _fails("Foo", "RequestType"), alter=_of_type_foo),
    Row(
        "7",
        "the service's reply has 5 kB to return",
        "OK or F",
        _either(),
        api=lambda: _replies(json.dumps({"ScalableTargetARN": _LONG_ARN}).encode()),
    ),
    Row(
        "7b",
        "the service's error has 10 kB of text",
        "F",
        _fails("begin of text", "end of text"),
        api=lambda: _error("ValidationException", _LONG_TEXT),
    ),
    Row("8", "PUT: 500, always", "error", _UNDELIVERABLE, other_puts=500),
    Row("8b", "PUT: 500, once", "OK", _succeeds(), puts=(500,)),
    Row("8c", "PUT: 500, six times", "OK", _succeeds(), puts=6 * (500,), seconds=_LONG),
    Row("9", "PUT: 403, always", "error", _UNDELIVERABLE, other_puts=403),
    Row("10", "PUT: the connection is reset, once", "OK", _succeeds(), puts=(RESET,)),
    Row("10b", "PUT: the connection is reset, always", "error", _UNDELIVERABLE, other_puts=RESET),
    Row("11", "PUT: no reply, once", "OK", _succeeds(), puts=(HANG,)),
    Row("11b", "PUT: no reply, always", "error", _UNDELIVERABLE, other_puts=HANG),
    Row(
        "12",
        "Create is delivered twice, a policy is attached in between",
        "OK, twice",
        _succeeds(),
        twice=True,
        seconds=_LONG,
    ),
    Row("13", "Delete after a Create that failed", "OK", _DELETED, "Delete", set_scene=_create_failed),
    Row("14", "Delete of a target that does not exist", "OK", _DELETED, "Delete", set_scene=_gone),
    Row(
        "15",
        "Delete with an id that CloudFormation invented",
        "OK",
        _DELETED,
        "Delete",
        set_scene=_registered_with_an_invented_id,
    ),
    Row(
        "16",
        "Update to another variant, then the Delete of the old id",
        "OK, new id",
        Expected(frozenset({"SUCCESS"}), targets={GREEN: WANTED}),
        "Update",
        variant="green",
        set_scene=_registered,
        cleans_up=True,
    ),
    Row(
        "17",
        "Update: the service refuses",
        "F, same id",
        _fails("AccessDenied", "not authorized", keeps_id_when_failed=True),
        "Update",
        set_scene=_registered,
        api=_denied,
    ),
    Row(
        "18",
        "the service throttles, twice",
        "OK",
        _succeeds(),
        api=lambda: _error("ThrottlingException", "Rate exceeded", times=2),
    ),
    Row(
        "18b",
        "the service throttles, always",
        "F",
        _fails("Throttling", "Rate exceeded"),
        api=lambda: _error("ThrottlingException", "Rate exceeded"),
    ),
    Row(
        "18c",
        "the service fails with 500, once",
        "OK",
        _succeeds(),
        api=lambda: _error("InternalServiceException", "internal", times=1, status=500),
    ),
    Row("18d", "the service's connection is reset, once", "OK", _succeeds(), api=lambda: [ApiFault(RESET, times=1)]),
    Row(
        "19",
        "`ConcurrentUpdateException`, once",
        "OK",
        _succeeds(),
        api=lambda: _error("ConcurrentUpdateException", "Another update is in progress", times=1),
    ),
    Row(
        "19b",
        "`LimitExceededException`, a quota",
        "F, tried once",
        _fails("LimitExceeded", "quota", most_calls=1),
        api=lambda: _error("LimitExceededException", "The quota of scalable targets is used up"),
    ),
    Row(
        "20",
        "the service's error text has a signature",
        "F without it",
        _fails("denied"),
        api=lambda: _error("ValidationException", _LEAKY),
    ),
    Row("21", "Create without any fault", "OK, nothing leaks", _succeeds()),
    Row(
        "22",
        "the service returns a number instead of text",
        "OK or F",
        _either(),
        api=lambda: _replies(b'{"ScalableTargetARN": 42}'),
    ),
    Row("23", "the service's reply is not JSON", "OK or F", _either(), api=lambda: _replies(b"<html>gateway</html>")),
    Row(
        "24",
        "the service returns text beyond ASCII",
        "OK",
        _succeeds(shows=_FOREIGN_ARN),
        api=lambda: _replies(json.dumps({"ScalableTargetARN": _FOREIGN_ARN}, ensure_ascii=False).encode()),
    ),
    Row(
        "25",
        "Create, but another stack registered the target",
        "F, their target unchanged",
        _fails("Theirs", tests_ownership=True),
        set_scene=_registered_by_another_stack,
        seconds=_LONG,
    ),
    Row(
        "26",
        "Create, but somebody registered the target by hand",
        "F, their target unchanged",
        _fails("registered", tests_ownership=True),
        set_scene=_registered_by_hand,
        seconds=_LONG,
    ),
    Row(
        "27",
        "the Delete that follows 25",
        "OK, their target unchanged",
        _OTHERS_KEPT,
        "Delete",
        set_scene=_create_over_anothers,
        seconds=_LONG,
    ),
    Row(
        "28",
        "Delete, but another stack owns the target now",
        "OK, their target unchanged",
        _OTHERS_KEPT,
        "Delete",
        set_scene=_taken_over_by_another_stack,
    ),
    Row("29", "PUT: redirected", "error, not followed", _UNDELIVERABLE, other_puts=REDIRECT),
    Row("30", "a property of 1 MB", "F", _fails("EndpointName", "esource"), endpoint=1_000_000 * "e"),
]
