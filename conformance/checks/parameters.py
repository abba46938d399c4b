"""The checks of Parameter Store."""

from conformance.account import PARAMETERS, ask
from conformance.check import Seen, Stage, all_visible, check, visible
from conformance.scene import Scene


@check("parameter-visible", Stage.NO_ENDPOINT)
def _(scene: Scene) -> Seen:
    ssm, name = scene.account.parameters, scene.parameter()

    def value() -> str:
        reply = ask(ssm.get_parameter, Name=name)
        return str(reply.value["Parameter"]["Value"]) if reply.value else reply.code

    def listed() -> bool:
        below = ssm.get_parameters_by_path(Path=PARAMETERS, Recursive=True)["Parameters"]
        return any(parameter["Name"] == name for parameter in below)

    scene.must(ask(ssm.put_parameter, Name=name, Value="1", Type="String", Tags=scene.tagged()))
    written = visible(scene, lambda: value() == "1" and listed())
    scene.must(ask(ssm.put_parameter, Name=name, Value="2", Type="String", Overwrite=True))
    overwritten = visible(scene, lambda: value() == "2")
    scene.must(ask(ssm.delete_parameter, Name=name))
    deleted = visible(scene, lambda: value() == "ParameterNotFound" and not listed())
    return all_visible({"written": written, "overwritten": overwritten, "deleted": deleted})
