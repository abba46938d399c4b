"""The schemas check the properties of a template: with cfn-lint, and in an editor."""

import json
import re
import shutil
import unittest
from collections import Counter
from functools import reduce
from operator import getitem
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from jsonschema import Draft7Validator

from demo.environment import ROOT, VENV
from schema.rules import custom_sagemaker
from support import TEMPLATES, cfn_lint, run

NEAREST_NAMES = ROOT / "schema/tests/agreement/nearest_names.json"
YAML_VALUES = ROOT / "schema/tests/agreement/yaml_values.json"
LINTED = Path(__file__).parent / "linted"
SCHEMAS = ROOT / "schema"


class Editor(yaml.SafeLoader):
    """Reads a template as the YAML extension does: the argument of a function replaces the function."""

    def argument(self, _: str, node: yaml.Node) -> Any:
        """The value after a tag."""
        if isinstance(node, yaml.ScalarNode):
            return self.construct_scalar(node)
        assert isinstance(node, yaml.SequenceNode)
        return self.construct_sequence(node, deep=True)


Editor.add_multi_constructor("!", Editor.argument)


def expected(template: Path) -> set[tuple[int, str]]:
    """The expected lines and messages, from the comments of the template."""
    lines = enumerate(template.read_text().splitlines(), start=1)
    return {(number, line.partition(" # ")[2]) for number, line in lines if " # " in line}


def found(template: Path) -> set[tuple[int, str]]:
    """The findings of cfn-lint."""
    matches = json.loads(cfn_lint(template, "--format", "json").stdout)
    return {(match["Location"]["Start"]["LineNumber"], match["Message"]) for match in matches}


class Rule(unittest.TestCase):
    """The rule for cfn-lint. test_templates checks that it finds nothing in the examples."""

    def test_every_mistake_is_told_in_its_line(self) -> None:
        template = LINTED / "mistakes.yaml"
        self.assertEqual(found(template), expected(template))

    def test_an_export_of_a_gates_id_is_told(self) -> None:
        template = LINTED / "exports.yaml"
        self.assertEqual(found(template), expected(template))

    def test_endpoints_gates_and_scaling_that_do_not_fit_together_are_told(self) -> None:
        template = LINTED / "wiring.yaml"
        self.assertEqual(found(template), expected(template))

    def test_functions_and_what_a_template_does_not_tell_are_no_mistakes(self) -> None:
        for name in ("functions", "wired"):
            with self.subTest(name):
                self.assertEqual(found(LINTED / f"{name}.yaml"), set())

    def test_values_are_reported_where_the_function_may_get_another_value_or_refuses_them(self) -> None:
        table = json.loads(YAML_VALUES.read_text())
        lines = ["Resources:"]
        for number, row in enumerate(table["values"]):
            properties = json.loads(json.dumps(table["properties"]))
            properties["VariantName"] = f"v{number}"
            *above, name = (int(step) if step.isdigit() else step for step in row["at"].split("/")[1:])
            reduce(getitem, above, properties)[name] = "VALUE"
            resource = json.dumps({"Type": "Custom::SageMakerScalableTarget", "Properties": properties})
            lines.append(f"  Row{number}: " + resource.replace('"VALUE"', row["yaml"]))
        with TemporaryDirectory() as folder:
            template = Path(folder) / "template.yaml"
            template.write_text("\n".join(lines))
            told = found(template)
        for line, row in enumerate(table["values"], start=2):
            with self.subTest(row["yaml"], at=row["at"]):
                messages = [message for number, message in sorted(told) if number == line]
                self.assertEqual(messages, [row["linter"]] if row["linter"] else [])

    def test_a_template_in_json_may_have_tabs(self) -> None:
        properties = json.loads(YAML_VALUES.read_text())["properties"]
        resource = {"Type": "Custom::SageMakerScalableTarget", "Properties": properties}
        with TemporaryDirectory() as folder:
            template = Path(folder) / "template.json"
            template.write_text(json.dumps({"Resources": {"Scaling": resource}}, indent="\t"))
            self.assertEqual(found(template), set())

    def test_the_nearest_name_is_that_of_the_function(self) -> None:
        schemas = {schema["title"]: schema for schema in custom_sagemaker.SCHEMAS}
        for resource_type, names in json.loads(NEAREST_NAMES.read_text()).items():
            for name, nearest in names.items():
                with self.subTest(name):
                    hint = custom_sagemaker.did_you_mean(name, schemas[resource_type]["properties"])
                    self.assertEqual(hint, f"; did you mean {nearest}?" if nearest else "")


class Package(unittest.TestCase):
    """The rules as a Python package."""

    def test_the_installed_rules_find_what_those_of_the_folder_find(self) -> None:
        with TemporaryDirectory() as name:
            folder = Path(name)
            source = shutil.copytree(SCHEMAS, folder / "schema", ignore=shutil.ignore_patterns("__pycache__"))
            offline = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-index"]
            pip = [str(VENV / "python"), "-m", "pip"]
            built = run([*pip, "wheel", *offline, "--no-build-isolation", "--wheel-dir", name, str(source)], {})
            self.assertEqual(built.returncode, 0, built.stderr)
            [wheel] = folder.glob("*.whl")
            version = re.search(r'^version = "(.*)"$', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)
            assert version
            self.assertIn(f"-{version[1]}-", wheel.name)
            site = folder / "site"
            installed = run([*pip, "install", *offline, "--target", str(site), str(wheel)], {})
            self.assertEqual(installed.returncode, 0, installed.stderr)
            templates = sorted(LINTED.glob("*.yaml"))
            rules = ["--append-rules", "sagemaker_scaling_lint.rules"]
            command = [str(VENV / "cfn-lint"), *rules, "--format", "json", "--template", *map(str, templates)]
            matches = json.loads(run(command, {"PYTHONPATH": str(site)}).stdout)
            for template in templates:
                with self.subTest(template.name):
                    told = {
                        (match["Location"]["Start"]["LineNumber"], match["Message"])
                        for match in matches
                        if match["Filename"] == str(template)
                    }
                    self.assertEqual(told, found(template))


class EditorSchema(unittest.TestCase):
    """The schema of whole templates."""

    def test_the_schemas_are_schemas(self) -> None:
        for schema in SCHEMAS.glob("*.json"):
            with self.subTest(schema.name):
                Draft7Validator.check_schema(json.loads(schema.read_text()))

    def test_good_templates_are_good(self) -> None:
        for template in (*TEMPLATES, LINTED / "functions.yaml"):
            with self.subTest(template.name):
                self.assertEqual([error.message for error in self.errors(template)], [])

    def test_unknown_and_missing_properties_are_told(self) -> None:
        template = LINTED / "mistakes.yaml"
        told = " ".join(message for _, message in expected(template))
        for error in self.errors(template):
            with self.subTest(error.message):
                if error.validator == "additionalProperties":
                    for name in error.instance.keys() - error.schema["properties"].keys():
                        self.assertIn(f" {name}: ", f" {told}")
                elif error.validator == "required":
                    self.assertIn(error.message, told)
        self.assertEqual(
            Counter(error.validator for error in self.errors(template)),
            {"additionalProperties": 6, "minimum": 1, "required": 6, "type": 4},
        )

    def errors(self, template: Path) -> list[Any]:
        """The findings of an editor."""
        validator = Draft7Validator(json.loads((SCHEMAS / "template.json").read_text()))
        return list(validator.iter_errors(yaml.load(template.read_text(), Editor)))


if __name__ == "__main__":
    unittest.main()
