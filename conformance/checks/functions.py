"""The checks of Lambda."""

from conformance.account import ask
from conformance.check import Seen, Stage, check
from conformance.played import played
from conformance.recorder import TIMEOUT_SECONDS
from conformance.scene import Scene

_LONGEST = 1_800
_UPDATE_SECONDS = 60.0


@check("lambda-timeout", Stage.STACKS)
def _(scene: Scene) -> Seen:
    name, functions = played(scene).recorder().name, scene.account.of_stacks("lambda")

    def is_updated() -> bool:
        shown = functions.get_function_configuration(FunctionName=name)
        return bool(shown.get("LastUpdateStatus", "Successful") != "InProgress")

    def configure(seconds: int) -> str:
        reply = ask(functions.update_function_configuration, FunctionName=name, Timeout=seconds)
        scene.until(is_updated, _UPDATE_SECONDS)
        return str(reply)

    try:
        reply = configure(_LONGEST)
        shown = functions.get_function_configuration(FunctionName=name)["Timeout"]
    finally:
        configure(TIMEOUT_SECONDS)
    return Seen(shown == _LONGEST, f"UpdateFunctionConfiguration with a timeout of {_LONGEST} s: {reply}")
