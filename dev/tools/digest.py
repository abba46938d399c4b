"""The reviewed digest of AWS's service models, dev/tools/digest.json: `make digest`.

For each structure that the function sends or reads, the digest has each member: what botocore's model says of it, what
our schema states, and a review. A member without a review has to be reviewed: see `MARKS`.
"""

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore

from demo.environment import ROOT

DIGEST = ROOT / "dev" / "tools" / "digest.json"
SCHEMA = ROOT / "schema" / "custom-sagemakerscalabletarget.json"
MARKS = ("sent", "read", "present", "ignored", "refused")
"""What a review begins with. `present`: the function reads whether the member is there. `read as required`: it
is required by the function, and not by the model. A reason follows a colon; `ignored` and `refused` need one.

SageMaker refuses two changes of a variant that scales, another instance type and a removal. The gate treats other
instance pools like another type:
https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-scaling-update.html
"""

# Inputs come before outputs, because a structure is recorded where it is met first.
CALLS = {
    "application-autoscaling": {
        "input": ["RegisterScalableTarget", "PutScalingPolicy", "PutScheduledAction"],
        "output": ["DescribeScalableTargets", "DescribeScalingPolicies", "DescribeScheduledActions"],
    },
    "cloudformation": {"input": [], "output": ["DescribeStackResource", "DescribeStackResources", "DescribeStacks"]},
    # The reply to an asynchronous invocation has no body.
    "lambda": {"input": ["Invoke"], "output": []},
    "sagemaker": {"input": [], "output": ["DescribeEndpoint", "DescribeEndpointConfig", "DescribeInferenceComponent"]},
    "ssm": {"input": ["PutParameter"], "output": ["GetParameter", "GetParametersByPath"]},
}
# Where the members of a request are in our schema.
OURS = {
    "RegisterScalableTarget": (),
    "PutScalingPolicy": ("ScalingPolicies",),
    "PutScheduledAction": ("ScheduledActions",),
}
READERS = {"DescribeEndpointConfig": "the gate"}
# A longer list grows with each instance type. The function takes any value of it.
LONGEST_ENUM = 60

Member = dict[str, str]
Shapes = dict[str, dict[str, Member]]
Model = dict[str, Any]


def service_model(service: str) -> Model:
    """The newest model of a service in the installed botocore."""
    newest = max((Path(botocore.__file__).parent / "data" / service).glob("*/service-2.json*"))
    content = newest.read_bytes()
    model: Model = json.loads(gzip.decompress(content) if newest.suffix == ".gz" else content)
    return model


def of_model(model: Model, name: str, required: bool) -> str:
    """What a model says of a member, in one line."""
    shape = model["shapes"][name]
    words = ["required"] if required else []
    words.append(shape["type"])
    if shape["type"] in ("list", "map"):
        words += [
            f"of {model['shapes'][shape[part]['shape']]['type']}" for part in ("member", "value") if part in shape
        ]
    words += bounds(shape.get("min"), shape.get("max"))
    values = shape.get("enum", [])
    # Those of other services do not concern the function.
    values = [value for value in values if "sagemaker" in value.lower()] or values
    if len(values) > LONGEST_ENUM:
        words.append("of many values")
    elif values:
        words.append("one of " + ", ".join(sorted(values)))
    return " ".join(words)


def of_schema(schema: Any, required: bool) -> str:
    """What our schema states of a property, in the same words."""
    types = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
    words = ["required"] if required else []
    words.append({"array": "list", "object": "structure"}.get(types[0], types[0]))
    for kind in ("Length", "Items", "imum"):
        words += bounds(schema.get(f"min{kind}"), schema.get(f"max{kind}"))
    if "enum" in schema:
        words.append("one of " + ", ".join(sorted(schema["enum"])))
    return " ".join(words)


def bounds(lowest: int | None, highest: int | None) -> list[str]:
    """The bounds of a value, or none. Those of a 32-bit number go without saying."""
    if highest is not None and highest >= 2**31 - 1:
        highest = None
    if lowest is not None and lowest <= -(2**31):
        lowest = None
    if lowest is None and highest is None:
        return []
    return [f"{'' if lowest is None else lowest}..{'' if highest is None else highest}"]


def property_at(schema: Any, path: tuple[str, ...]) -> tuple[Any, bool] | None:
    """The schema of a property, and whether it is required."""
    required = True
    for name in path:
        schema = schema.get("items", schema)
        if name not in schema.get("properties", {}):
            return None
        required = name in schema.get("required", [])
        schema = schema["properties"][name]
    return schema, required


def structures_below(model: Model, name: str) -> Iterator[str]:
    """The structures in a value of this shape."""
    shape = model["shapes"][name]
    if shape["type"] == "structure":
        yield name
    for part in ("member", "value"):
        if part in shape:
            yield from structures_below(model, shape[part]["shape"])


def digest(models: dict[str, Model], schema: Any, reviewed: Shapes) -> Shapes:
    """The digest of these models, with the reviews of another digest. A member that has none gets an empty one."""
    shapes: Shapes = {}
    for service, calls in CALLS.items():
        model, seen = models[service], set[str]()
        for direction, operations in calls.items():
            for operation in operations:
                top = model["operations"][operation][direction]["shape"]
                todo: list[tuple[str, str, tuple[str, ...] | None]] = [(operation, top, OURS.get(operation))]
                while todo:
                    title, name, path = todo.pop(0)
                    if name in seen:
                        continue
                    seen.add(name)
                    shapes[title] = {}
                    shape = model["shapes"][name]
                    for member, value in shape["members"].items():
                        known = reviewed.get(title, {}).get(member, {})
                        entry = {"model": of_model(model, value["shape"], member in shape.get("required", []))}
                        ours = path is not None and property_at(schema, (*path, member))
                        if ours:
                            entry["schema"] = of_schema(*ours)
                        entry["review"] = known.get("review", "")
                        shapes[title][member] = entry
                        if entry["review"].startswith(("sent", "read")):
                            below = None if path is None else (*path, member)
                            todo += [
                                (f"{operation}.{inner}", inner, below)
                                for inner in structures_below(model, value["shape"])
                            ]
    return shapes


def differences(committed: Shapes, current: Shapes) -> list[str]:
    """What a newer model changed, and what to decide."""
    told = []
    for title in sorted(committed.keys() | current.keys()):
        decide = f"decide whether {READERS.get(title.partition('.')[0], 'the function')} must look at it"
        before, now = committed.get(title, {}), current.get(title, {})
        told += [f"{title} gained {name}: {decide}" for name in now.keys() - before.keys()]
        told += [f"{title} lost {name}: {decide}" for name in before.keys() - now.keys()]
        for name in now.keys() & before.keys():
            told += [
                f"{title}.{name}: the {source} says {says!r}, and said {said!r}: {decide}"
                for source in ("model", "schema")
                for says, said in [(now[name].get(source), before[name].get(source))]
                if says != said
            ]
            if not before[name]["review"].startswith(MARKS):
                told.append(f"{title}.{name} has no review: {decide}")
    return sorted(told)


def contradictions(shapes: Shapes) -> list[str]:
    """Where our schema allows what the model does not."""
    told = []
    for title, members in shapes.items():
        for name, entry in members.items():
            model, schema = limits(entry["model"]), limits(entry.get("schema", ""))
            if model["values"] and schema["values"] - model["values"]:
                told.append(f"{title}.{name}: {', '.join(sorted(schema['values'] - model['values']))}")
            for bound, sign in (("lowest", 1), ("highest", -1)):
                ours, theirs = schema[bound], model[bound]
                if ours is not None and theirs is not None and (ours - theirs) * sign < 0:
                    told.append(f"{title}.{name}: {bound} {ours}, and the model says {theirs}")
    return told


def limits(line: str) -> dict[str, Any]:
    """The values and bounds in a line of the digest."""
    head, _, values = line.partition(" one of ")
    found = re.search(r"(-?\d*)\.\.(-?\d*)", head)
    lowest, highest = (found[1], found[2]) if found else ("", "")
    return {
        "values": set(values.split(", ")) if values else set(),
        "lowest": int(lowest) if lowest else None,
        "highest": int(highest) if highest else None,
    }


def models() -> dict[str, Model]:
    """The models of all services."""
    return {service: service_model(service) for service in CALLS}


def committed() -> Shapes:
    """The digest in this repository."""
    shapes: Shapes = json.loads(DIGEST.read_text())["shapes"] if DIGEST.exists() else {}
    return shapes


def current(reviewed: Shapes) -> Shapes:
    """The digest of the installed models."""
    return digest(models(), json.loads(SCHEMA.read_text()), reviewed)


def text(shapes: Shapes) -> str:
    """The file, with a line for each member."""
    lines = []
    for title, members in shapes.items():
        entries = [f"      {json.dumps(name)}: {json.dumps(entry)}" for name, entry in members.items()]
        lines.append(f"    {json.dumps(title)}: {{\n" + ",\n".join(entries) + "\n    }")
    return f'{{\n  "botocore": "{botocore.__version__}",\n  "shapes": {{\n' + ",\n".join(lines) + "\n  }\n}\n"


def main() -> None:
    """Writes the digest, keeps its reviews, and tells what has to be reviewed."""
    before = committed()
    now = current(before)
    print("\n".join(differences(before, now)) or "Nothing has changed.")
    DIGEST.write_text(text(now))


if __name__ == "__main__":
    main()
