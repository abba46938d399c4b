"""Adapts a template, with its nested ones, to this machine."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from awscli.customizations.cloudformation.artifact_exporter import RESOURCES_EXPORT_LIST

from demo import ministack_reader
from demo.environment import ACCOUNT, REGION, ROOT
from demo.ministack_reader import Template
from demo.stacks import template_url
from demo.telling import UnsuccessfulError

_EXPORT = "sagemaker-scaling-ServiceToken"
"""The export name of the function on this machine."""
_FUNCTION = {"Fn::ImportValue": _EXPORT}
_ANY_FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:sagemaker-scaling"
"""Stands for the function's ARN before the function is deployed."""
_FUNCTION_TYPES = {json.loads(file.read_text())["title"] for file in (ROOT / "schema").glob("custom-*.json")}
_CUSTOM_TYPES = ("Custom::", "AWS::CloudFormation::CustomResource")
_NATIVE_TYPES = "AWS::ApplicationAutoScaling::"
_NESTED_TYPES = {"AWS::CloudFormation::Stack": "TemplateURL", "AWS::Serverless::Application": "Location"}
_PLACEHOLDER = "AWS::CloudFormation::WaitConditionHandle"
"""A type that creates nothing."""
_IN_PARAMETER_STORE = re.compile(r"AWS::SSM::Parameter::Value<(.*)>")
# Not with $: a variable in it is replaced first.
_DYNAMIC_REFERENCE = re.compile(r"\{\{resolve:[^}$]*\}\}")
_REMOTE = ("http://", "https://", "s3://")

Upload = Callable[[bytes], str]
"""Uploads content, and returns its `s3://` URL."""


class Values:
    """The user's values for what other stacks, services and functions would give."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self.given = given
        self.asked: dict[str, str] = {}
        """What the template asks for, with what it is, in order."""

    def of(self, name: str, what: str) -> str:
        """A value. If it is missing, an empty text, and `missing` has its name."""
        self.asked[name] = what
        return self.given.get(name, "")

    def missing(self) -> list[str]:
        """The names without a value."""
        return [name for name in self.asked if name not in self.given]


class AdaptedTemplate:
    """A template, or a nested one, without errors of cfn-lint.

    `adapt` makes the function on this machine the ServiceToken of the function's resources. Imported values and dynamic
    references get the user's values. Resources that cannot be played are left out.
    """

    def __init__(self, file: Path, values: Values) -> None:
        self.file = file
        self.given: dict[str, str] = {}
        self.remarks: list[str] = []
        """The differences from the user's template."""
        self.take_overs: dict[str, str] = {}
        """The remark on each resource from which another one would take a target over."""
        self.calls_function = False
        """Whether it has a resource of the function."""
        self._values = values
        self._template = ministack_reader.parse(file)
        for each in self._template.get("Parameters", {}).values():
            # As AWS compares them: MiniStack takes them for Python's True and False.
            each.update({name: _as_text(each[name]) for name in ("AllowedValues", "Default") if name in each})
        self._nested: dict[str, AdaptedTemplate] = {}
        self._left_out: set[str] = set()

    def nested_files(self) -> Iterator[Path]:
        """The nested templates that are in files."""
        for body in _bodies(self._template["Resources"]):
            if file := self._nested_file(body):
                yield file
                yield from AdaptedTemplate(file, self._values).nested_files()

    def levels(self) -> Iterator["AdaptedTemplate"]:
        """This template, and those that are nested in it."""
        yield self
        for nested in self._nested.values():
            yield from nested.levels()

    def retains(self) -> bool:
        """Whether the deletion of the template's stack may leave a target or policy: retained, or adopted."""
        return any(
            str(each.get("DeletionPolicy")).startswith("Retain")
            or str(_properties(each).get("AdoptExisting", False)).lower() != "false"
            for each in self._template["Resources"].values()
            if each.get("Type") in _FUNCTION_TYPES or str(each.get("Type")).startswith(_NATIVE_TYPES)
        )

    def declared(self) -> dict[str, Any]:
        """The parameters."""
        declared: dict[str, Any] = self._template.get("Parameters", {})
        return declared

    def required(self) -> list[str]:
        """The parameters without a default."""
        return [name for name, each in self.declared().items() if "Default" not in each]

    def tokens(self) -> set[str]:
        """The parameters that a ServiceToken names, here or in a nested template."""
        tokens = set()
        for body in _bodies(self._template["Resources"]):
            properties = _properties(body)
            tokens.add(_reference(properties.get("ServiceToken")))
            if nested := self._nested_file(body):
                of_nested = AdaptedTemplate(nested, self._values).tokens()
                tokens |= {_reference(properties.get("Parameters", {}).get(token)) for token in of_nested}
        return tokens & self.declared().keys()

    def adapt(self, given: Mapping[str, str], unknown: frozenset[str] = frozenset()) -> None:
        """Adapts the template to this machine. `unknown` names parameters whose values follow from resources."""
        self.given = {**given, **self._stored(given, unknown)}
        tokens = dict.fromkeys(self.tokens() & {*self.required()} - unknown, _ANY_FUNCTION)
        known = {**tokens, **self.given}
        self._template = ministack_reader.expand(self._template, known, unknown)
        self._known = ministack_reader.Known(self._template, known, unknown)
        live = {
            name: body
            for name, body in self._template["Resources"].items()
            # A macro that stands among the resources has no type.
            if "Type" in body and self._known.holds(body.get("Condition")) is not False
        }
        for name, body in live.items():
            if body["Type"] in _NESTED_TYPES:
                self._nest(name, body)
            elif not ministack_reader.is_known(body["Type"]):
                self._leave_out(name, body, f"the CloudFormation on this machine does not know {body['Type']}")
        self._take_over(live)
        for section, items in (("Resources", live), ("Outputs", self._template.get("Outputs", {}))):
            for name, body in items.items():
                if self._known.holds(body.get("Condition")) is not False:
                    self._template[section][name] = self._dynamic(self._imported(body))
        self._find_code(live)
        for name, nested in self._nested.items():
            passed = _properties(self._template["Resources"][name]).get("Parameters", {})
            values = {each: self._known.of(value) for each, value in passed.items()}
            values |= dict.fromkeys(nested.tokens() & passed.keys(), _ANY_FUNCTION)
            static = {each: str(value) for each, value in values.items() if isinstance(value, (str, int, float))}
            nested.adapt(static, frozenset(passed.keys() - static.keys()))

    def _stored(self, given: Mapping[str, str], unknown: frozenset[str]) -> dict[str, str]:
        """The values of parameters that are in Parameter Store, such as the version of the CDK's bootstrap stack."""
        values = {}
        for name, each in self.declared().items():
            if (kind := _IN_PARAMETER_STORE.fullmatch(each["Type"])) and name not in unknown:
                stored = str(given.get(name, each.get("Default")))
                values[name] = stored.rpartition("/")[2]
                self.remarks.append(f"{stored} in Parameter Store is {values[name]!r}")
                self._template["Parameters"][name] = {"Type": kind[1], "Default": values[name]}
        return values

    def _nest(self, name: str, body: Template) -> None:
        """Reads the template of a nested stack. One that is not in a file is left out."""
        file = self._nested_file(body)
        if not file:
            self._leave_out(
                name, body, "its template is not a file; to play it, name its file in a copy of the template"
            )
            return
        nested = self._nested[name] = AdaptedTemplate(file, self._values)
        passed = _properties(body).get("Parameters", {})
        passed |= dict.fromkeys(nested.tokens() & passed.keys(), _FUNCTION)

    def _nested_file(self, body: Template) -> Path | None:
        """The template of a nested stack, if it is in a file."""
        metadata = body.get("Metadata") or {}
        if metadata.get("aws:asset:property") == "TemplateURL":  # written by the CDK
            location = metadata["aws:asset:path"]
        else:
            location = _properties(body).get(_NESTED_TYPES.get(body.get("Type", ""), ""))
        if not isinstance(location, str) or location.startswith(_REMOTE):
            return None
        file = (self.file.parent / location).resolve()
        if not file.is_file():
            raise UnsuccessfulError(f"{self.file} names the template {file}, which does not exist.")
        return file

    def _take_over(self, resources: Mapping[str, Template]) -> None:
        """Makes the function of this machine the ServiceToken of its resources. Leaves those of other functions out."""
        custom = {name: body for name, body in resources.items() if body["Type"].startswith(_CUSTOM_TYPES)}
        ours = [_properties(body).get("ServiceToken") for body in custom.values() if body["Type"] in _FUNCTION_TYPES]
        # Their code is in a bucket, so they cannot answer here.
        silent = {name for name, body in resources.items() if _has_code_elsewhere(body)}
        for name, body in custom.items():
            token: Any = _properties(body).get("ServiceToken")
            of_template = ministack_reader.references(token) & resources.keys() - self._left_out - silent
            if body["Type"] in _FUNCTION_TYPES or self._is_export(token) or token in ours:
                self.calls_function = True
                if former := _properties(body).get("TakeOverFrom"):
                    former = self._known.of(former) or former
                    self.take_overs[str(former).rpartition("/")[2]] = (
                        f"no stack has registered the target before: {name} does not take it over from {former}"
                    )
                if not self._is_export(token) and not ("Fn::GetAtt" in token and of_template):
                    body["Properties"]["ServiceToken"] = _FUNCTION
                    self.remarks.append(f"the ServiceToken of {name} is the function on this machine")
            elif not of_template:
                ours_are = " or ".join(sorted(_FUNCTION_TYPES))
                self._leave_out(
                    name, body, f"its ServiceToken is another function; if it is this one, set Type to {ours_are}"
                )

    def _leave_out(self, name: str, body: Template, why: str) -> None:
        self._left_out.add(name)
        self.remarks.append(f"{name} is left out: {why}")
        body.pop("Properties", None)
        body["Type"] = _PLACEHOLDER

    def _is_export(self, token: Any) -> bool:
        """Whether a ServiceToken is the function's export."""
        return isinstance(token, dict) and self._known.of(token.get("Fn::ImportValue")) == _EXPORT

    def _imported(self, node: Any) -> Any:
        """A node with the user's values instead of imported ones and those of resources that are left out."""
        match node:
            case {"Fn::ImportValue": argument} if (name := self._known.of(argument)) not in (None, _EXPORT):
                return self._values.of(str(name), "the export of another stack")
            case {"Ref": str(name)} if name in self._left_out:
                return self._of_left_out(name)
            case {"Fn::GetAtt": [str(name), str(attribute)]} if name in self._left_out:
                return self._of_left_out(f"{name}.{attribute}")
            case {"Fn::GetAtt": str(attribute)} if attribute.partition(".")[0] in self._left_out:
                return self._of_left_out(attribute)
            case {"Fn::Sub": str(text)}:
                return {"Fn::Sub": self._substituted(text)}
            case {"Fn::Sub": [str(text), dict(variables)]}:
                return {"Fn::Sub": [self._substituted(text), self._imported(variables)]}
        return self._in_each(node, self._imported)

    def _substituted(self, text: str) -> str:
        """The text of `Fn::Sub` with the user's values instead of those of resources that are left out."""

        def value(variable: re.Match[str]) -> str:
            is_left_out = variable[1].partition(".")[0] in self._left_out
            return self._of_left_out(variable[1]) if is_left_out else variable[0]

        return ministack_reader.VARIABLE.sub(value, text)

    def _of_left_out(self, name: str) -> str:
        return self._values.of(name, "a value of a resource that is left out")

    def _dynamic(self, node: Any) -> Any:
        """A node with the user's values instead of dynamic references."""
        match node:
            case str():
                told = "a dynamic reference"
                return _DYNAMIC_REFERENCE.sub(lambda reference: self._values.of(reference[0], told), node)
            case {"Fn::FindInMap": _} | {"Fn::Join": _} | {"Fn::Sub": _} | {"Ref": _} if "{{resolve:" in str(
                text := self._known.of(node)
            ):
                return self._dynamic(text)
        return self._in_each(node, self._dynamic)

    def _in_each(self, node: Any, change: Callable[[Any], Any]) -> Any:
        """A node whose parts are changed, without the part of an `Fn::If` that is not used."""
        match node:
            case {"Fn::If": [str(condition), yes, no]} if (holds := self._known.holds(condition)) is not None:
                return change(yes if holds else no)
            case dict():
                return {key: change(value) for key, value in node.items()}
            case list():
                return [change(value) for value in node]
        return node

    def _find_code(self, resources: Mapping[str, Template]) -> None:
        """Makes the paths of local code absolute."""
        code = self._template.get("Globals", {}).get("Function", {}).pop("CodeUri", None)
        for name in resources:
            body = self._template["Resources"][name]
            properties = _properties(body)
            if (
                code
                and body["Type"] == "AWS::Serverless::Function"
                and not {"InlineCode", "ImageUri"} & properties.keys()
            ):
                properties.setdefault("CodeUri", code)
            for exporter in _exporters(body):
                given = properties[exporter.PROPERTY_NAME]
                path = (self.file.parent / given).resolve()
                if not path.exists():
                    raise UnsuccessfulError(f"{self.file} names the code {path}, which does not exist.")
                properties[exporter.PROPERTY_NAME] = str(path)

    def resources(self) -> dict[str, Template]:
        """The resources to deploy. Functions whose value is known before are replaced by it."""
        return self._known.resources()

    def body(self, upload: Upload) -> str:
        """The template as text. Its local code and its nested templates are uploaded."""
        for name, body in self._template["Resources"].items():
            for exporter in _exporters(body):
                exporter(_Uploader(upload)).export(name, _properties(body), str(self.file.parent.resolve()))
            if nested := self._nested.get(name):
                url = template_url(upload(nested.body(upload).encode()))
                body["Properties"][_NESTED_TYPES[body["Type"]]] = url
        return json.dumps(ministack_reader.without_sam(self._template))


class _Uploader:
    """What the exporters of the AWS CLI need."""

    def __init__(self, upload: Upload) -> None:
        self._upload = upload

    def upload_with_dedup(self, file_name: str) -> str:
        """Uploads a file, and returns its `s3://` URL."""
        return self._upload(Path(file_name).read_bytes())


def _has_code_elsewhere(body: Template) -> bool:
    """Whether the code of a function is in a bucket, such as that of the CDK's assets."""
    code = _properties(body).get("CodeUri" if body.get("Type") == "AWS::Serverless::Function" else "Code")
    if isinstance(code, dict):
        return bool({"Bucket", "S3Bucket"} & code.keys())
    return isinstance(code, str) and code.startswith(_REMOTE)


def _exporters(body: Template) -> list[Any]:
    """The exporters of `aws cloudformation package` for the local code that a resource names."""
    return [
        exporter
        for exporter in RESOURCES_EXPORT_LIST
        if body.get("Type") == exporter.RESOURCE_TYPE
        and body["Type"] not in _NESTED_TYPES
        and isinstance(path := _properties(body).get(exporter.PROPERTY_NAME), str)
        and not path.startswith(_REMOTE)
    ]


def _bodies(resources: Mapping[str, Any]) -> Iterator[Template]:
    """The resources, with those in an `Fn::ForEach`, which is a list."""
    for each in resources.values():
        if isinstance(each, list):
            yield from _bodies(each[-1])
        elif isinstance(each, dict):
            yield each


def _as_text(value: Any) -> Any:
    """A value of a parameter, with booleans as text."""
    if isinstance(value, list):
        return [_as_text(item) for item in value]
    return str(value).lower() if isinstance(value, bool) else value


def _properties(body: Template) -> dict[str, Any]:
    properties: dict[str, Any] = body.get("Properties") or {}
    return properties


def _reference(value: Any) -> str:
    """The name in a `!Ref`, or an empty text."""
    return str(value.get("Ref", "")) if isinstance(value, dict) else ""
