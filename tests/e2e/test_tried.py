"""`make try` plays templates as people write them, or says what it cannot play and what to do."""

import textwrap
import unittest
from typing import Any

from demo.aws_cli import DESCRIBE_TARGETS
from trying import IMPORT, ROLE, TrialTestCase

CONFIG = """
  Config:
    Type: AWS::SageMaker::EndpointConfig
    Properties:
      EndpointConfigName: MyConfig
      ExecutionRoleArn: arn:aws:iam::111122223333:role/sm
      ProductionVariants:
        - VariantName: variant-0
          InstanceType: ml.g5.12xlarge
          InitialInstanceCount: 1
          ManagedInstanceScaling: {Status: ENABLED, MinInstanceCount: 0, MaxInstanceCount: 2}
"""
ENDPOINT = """
  Endpoint:
    Type: AWS::SageMaker::Endpoint
    Properties: {EndpointName: ENDPOINT, EndpointConfigName: !GetAtt Config.EndpointConfigName}
"""
COMPONENT = """
  Component:
    Type: AWS::SageMaker::InferenceComponent
    Properties:
      EndpointName: !GetAtt Endpoint.EndpointName
      VariantName: variant-0
      Specification: {ModelName: model, ComputeResourceRequirements: {MinMemoryRequiredInMb: 1024}}
      RuntimeConfig: {CopyCount: 1}
"""
FOREIGN = """
  Info:
    Type: KIND
    Properties: {ServiceToken: !Sub "arn:aws:lambda:us-east-1:${AWS::AccountId}:function:info", ModelId: m}
  Topic:
    Type: AWS::SNS::Topic
    DependsOn: Info
"""
TOKEN = "!Sub arn:aws:lambda:${AWS::Region}:${AWS::AccountId}:function:scaling"
NATIVE_FUNCTION = f"""{ROLE}
  Api:
    Type: AWS::Lambda::Function
    Properties: {{Code: CODE, Handler: app.handler, Runtime: python3.13, Role: !GetAtt Role.Arn}}
"""
SAM_FUNCTION = """
  Api:
    Type: AWS::Serverless::Function
    Properties:
      CODE
      Handler: app.handler
      Runtime: python3.13
"""
OWN_FUNCTION = f"""{ROLE}
  Function:
    Type: AWS::Lambda::Function
    Properties:
      Handler: index.handler
      Runtime: python3.13
      Role: !GetAtt Role.Arn
      Code:
        ZipFile: |
          import json, urllib.request
          def handler(event, context):
              answer = {{name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")}}
              answer |= {{"Status": "SUCCESS", "PhysicalResourceId": "own", "Data": {{"A": "b"}}}}
              request = urllib.request.Request(event["ResponseURL"], json.dumps(answer).encode(), method="PUT")
              urllib.request.urlopen(request).close()
  Own:
    Type: Custom::Own
    Properties: {{ServiceToken: !GetAtt Function.Arn}}
"""


def nested(location: str, **parameters: str) -> str:
    """A template with a nested stack."""
    lines = "".join(f"        {name}: {value}\n" for name, value in parameters.items())
    given = f"      Parameters:\n{lines}" if lines else ""
    stack = f"  Nested:\n    Type: AWS::CloudFormation::Stack\n    Properties:\n      TemplateURL: {location}\n{given}"
    return f"Resources:\n{stack}"


def scaling(**properties: str) -> str:
    """A scalable target with these properties."""
    given = {"ServiceToken": IMPORT, "MinCapacity": "1", "MaxCapacity": "4", **properties}
    lines = "".join(f"      {name}: {value}\n" for name, value in given.items() if value)
    return f"\n  Scaling:\n    Type: Custom::SageMakerScalableTarget\n    Properties:\n{lines}"


class Tried(TrialTestCase):
    """Templates with resources and references beyond those of the examples."""

    def tried(
        self, resources: str, head: str = "", values: dict[str, str] | None = None, **parameters: str
    ) -> list[dict[str, Any]]:
        """The events of a template with these resources."""
        return self.play(f"{head}Resources:\n{resources}".replace("ENDPOINT", self.endpoint), values, **parameters)

    def targets(self, told: list[dict[str, Any]]) -> list[str]:
        """The scalable targets of a stack that was created and deleted."""
        failures = [failure for event in told for failure in event.get("Failures", [])]
        self.assertEqual((self.texts(told, "unsuccessful"), failures), ([], []))
        [shown] = [event["Output"] for event in told if event.get("Command") == DESCRIBE_TARGETS]
        return [target["ResourceId"] for target in shown["ScalableTargets"]]

    def test_an_inference_component_is_played(self) -> None:
        of_component = scaling(InferenceComponentName="!Ref Component", MinCapacity="0")
        by_arn = scaling(InferenceComponentName="!GetAtt Component.InferenceComponentArn")
        named = COMPONENT.replace("    Properties:\n", "    Properties:\n      InferenceComponentName: Llama\n")
        for component, scaled, name in (
            (named, of_component, "Llama"),
            (COMPONENT, of_component, "Component-"),
            (named, by_arn, "Llama"),
        ):
            with self.subTest(scaled + component):
                told = self.tried(CONFIG + ENDPOINT + component + scaled)
                [target] = self.targets(told)
                self.assertTrue(target.startswith(f"inference-component/{name}"), target)
                self.assertEqual(self.texts(told, "assume"), [])

    def test_an_inference_component_of_the_template_may_be_at_an_endpoint_of_another_stack(self) -> None:
        component = COMPONENT.replace("!GetAtt Endpoint.EndpointName", "ENDPOINT")
        told = self.tried(component + scaling(InferenceComponentName="!Ref Component"))
        self.assertEqual(len(self.targets(told)), 1)
        assumed = f"endpoint {self.endpoint} is in service, with variant-0 on ml.m5.large"
        self.assertEqual(self.texts(told, "assume"), [assumed])

    def test_an_inference_component_of_the_template_itself_is_not_assumed(self) -> None:
        # Its name precedes the component's: resources are created in the order of their names.
        named = COMPONENT.replace("    Properties:\n", "    Properties:\n      InferenceComponentName: Llama\n")
        early = scaling(InferenceComponentName="llama").replace("Scaling:", "AboveAll:")
        told = self.tried(CONFIG + ENDPOINT + named + early)
        self.assertEqual(self.texts(told, "assume"), [])
        self.assertIn("there is no inference component llama", self.reason(told))

    def test_a_native_target_of_an_inference_component_is_played(self) -> None:
        native = """
  Native:
    Type: AWS::ApplicationAutoScaling::ScalableTarget
    Properties:
      ServiceNamespace: sagemaker
      ScalableDimension: sagemaker:inference-component:DesiredCopyCount
      ResourceId: inference-component/llama
      MinCapacity: "1"
      MaxCapacity: !Ref Copies
"""
        named = COMPONENT.replace("    Properties:\n", "    Properties:\n      InferenceComponentName: llama\n")
        head = "Parameters:\n  Copies: {Type: Number, Default: 2}\n"
        for resources in (
            CONFIG + ENDPOINT + named + native.replace("    Type", "    DependsOn: Component\n    Type"),
            native,
        ):
            with self.subTest(resources):
                self.assertEqual(self.targets(self.tried(resources, head)), ["inference-component/llama"])

    def test_numbers_may_be_text(self) -> None:
        head = "Parameters:\n  Count: {Type: Number, Default: 2}\n"
        config = CONFIG.replace("InitialInstanceCount: 1", "InitialInstanceCount: !Ref Count")
        component = COMPONENT.replace("CopyCount: 1", "CopyCount: !Ref Count").replace("1024", "'1024'")
        told = self.tried(config + ENDPOINT + component + scaling(InferenceComponentName="!Ref Component"), head)
        self.assertEqual(len(self.targets(told)), 1)

    def test_booleans_of_parameters_are_compared_as_text(self) -> None:
        head = (
            "Parameters:\n  Enabled: {Type: String, Default: false, AllowedValues: [true, false]}\n"
            "Conditions:\n  IsEnabled: !Equals [!Ref Enabled, 'true']\n"
        )
        scaled = scaling(EndpointName="!GetAtt Endpoint.EndpointName", VariantName="variant-0")
        scaled = scaled.replace("    Properties:", "    Condition: IsEnabled\n    Properties:")
        told = self.tried(CONFIG + ENDPOINT + scaled, head, Enabled="true")
        self.assertEqual(len(self.targets(told)), 1)

    def test_a_former_owner_is_told_to_be_missing(self) -> None:
        scaled = scaling(EndpointName=self.endpoint, VariantName="blue", TakeOverFrom="stack/Former")
        told = self.tried(scaled)
        self.assertEqual(len(self.targets(told)), 1)
        self.assertIn(
            "no stack has registered the target before: Scaling does not take it over from stack/Former",
            self.texts(told, "assume"),
        )

    def test_a_configuration_may_be_named_in_another_letter_case(self) -> None:
        for name in ("myconfig", "MYCONFIG"):
            with self.subTest(name):
                endpoint = ENDPOINT.replace("!GetAtt Config.EndpointConfigName", name)
                endpoint = endpoint.replace("    Properties:", "    DependsOn: Config\n    Properties:")
                scaled = scaling(EndpointName="!GetAtt Endpoint.EndpointName", VariantName="variant-0")
                told = self.tried(CONFIG + endpoint + scaled)
                self.assertEqual(self.targets(told), [f"endpoint/{self.endpoint}/variant/variant-0"])

    def test_a_resource_of_another_function_is_left_out_whatever_its_type_is(self) -> None:
        for kind in (
            "Custom::SageMakerModelInfo",
            "Custom::SageMakerScalableTargetReport",
            "AWS::CloudFormation::CustomResource",
        ):
            with self.subTest(kind):
                foreign = FOREIGN.replace("KIND", kind)
                told = self.tried(foreign + scaling(EndpointName="ENDPOINT", VariantName="v"))
                self.assertEqual(self.targets(told), [f"endpoint/{self.endpoint}/variant/v"])
                requests = [event["Request"]["LogicalResourceId"] for event in told if event.get("Kind") == "request"]
                self.assertEqual(set(requests), {"Scaling"})
                self.assertTrue(self.texts(told, "assume")[0].startswith("Info is left out: "))

    def test_the_values_of_a_resource_that_is_left_out_are_asked_for(self) -> None:
        foreign = FOREIGN.replace("KIND", "Custom::SageMakerModelInfo")
        named = '!Sub "${Info}-${Info.Stage}"'
        resources = foreign + scaling(EndpointName=named, VariantName="{'Fn::GetAtt': Info.Variant}")
        [asked] = self.texts(self.tried(resources, values={"Info.Stage": "prod"}), "unsuccessful")
        self.assertIn('VALUES="Info.Stage=prod Info=… Info.Variant=…"', asked)
        values = {"Info": "e", "Info.Stage": "prod", "Info.Variant": "v"}
        self.assertEqual(self.targets(self.tried(resources, values=values)), ["endpoint/e-prod/variant/v"])

    def test_a_type_that_the_local_cloudformation_does_not_know_is_left_out(self) -> None:
        unknown = (
            "  Notebook:\n    Type: AWS::SageMaker::NotebookInstance\n    Properties: {InstanceType: ml.t3.medium}\n"
        )
        told = self.tried(unknown + scaling(EndpointName="ENDPOINT", VariantName="v"))
        self.assertEqual(len(self.targets(told)), 1)
        self.assertIn("does not know AWS::SageMaker::NotebookInstance", self.texts(told, "assume")[0])
        resources = unknown + scaling(EndpointName="!GetAtt Notebook.NotebookInstanceName", VariantName="v")
        [asked] = self.texts(self.tried(resources), "unsuccessful")
        self.assertIn('VALUES="Notebook.NotebookInstanceName=…"', asked)

    def test_a_function_of_the_template_itself_answers_its_own_resources(self) -> None:
        told = self.tried(OWN_FUNCTION)
        self.assertEqual(self.texts(told, "unsuccessful"), [])
        self.assertEqual(next(event["Answer"]["Data"] for event in told if event.get("Kind") == "answer"), {"A": "b"})

    def test_a_resource_of_the_default_type_is_played_if_its_token_is_the_function(self) -> None:
        default = {"EndpointName": "ENDPOINT", "VariantName": "v"}
        parameter = "Parameters:\n  Export: {Type: String, Default: sagemaker-scaling-ServiceToken}\n"
        typed = scaling(**default, ServiceToken=TOKEN).replace("Scaling:", "Typed:")
        for resources, head in (
            (scaling(**default), ""),
            (scaling(**default, ServiceToken="{'Fn::ImportValue': !Ref Export}"), parameter),
            (typed + scaling(**default, ServiceToken=TOKEN), ""),
        ):
            with self.subTest(resources):
                before, _, after = resources.rpartition("Custom::SageMakerScalableTarget")
                told = self.tried(f"{before}AWS::CloudFormation::CustomResource{after}", head)
                expected = "expected Custom::SageMakerScalableTarget or Custom::SageMakerEndpointUpdateGate, found"
                self.assertIn(f"ResourceType: {expected} AWS::CloudFormation::CustomResource", self.reason(told))
                self.assertNotIn("no resource of this function", str(told))
                [unsuccessful] = self.texts(told, "unsuccessful")
                self.assertIn("When it fails", unsuccessful)

    def test_imports_and_dynamic_references_have_the_given_values(self) -> None:
        parameter = """
Parameters:
  Stage: {Type: String, Default: prod}
  Reference: {Type: String, Default: "{{resolve:ssm:/reference}}"}
Mappings:
  Exports:
    prod: {Endpoint: mapped}
"""
        secret = "{{resolve:secretsmanager:arn:aws:secretsmanager:us-east-1:111122223333:secret:s:SecretString:name}}"
        for node, name in (
            ("!ImportValue Network:EndpointName", "Network:EndpointName"),
            ("{'Fn::ImportValue': !Sub '${Stage}-EndpointName'}", "prod-EndpointName"),
            ("{'Fn::ImportValue': !Join ['-', [!Ref Stage, e]]}", "prod-e"),
            ("!Sub ['${E}', {E: !ImportValue e}]", "e"),
            ("'{{resolve:ssm:/prod/endpoint:3}}'", "{{resolve:ssm:/prod/endpoint:3}}"),
            ("!Sub '{{resolve:ssm-secure:/${Stage}/endpoint}}'", "{{resolve:ssm-secure:/prod/endpoint}}"),
            ("!Join ['', ['{{resolve:ssm:/', !Ref Stage, '}}']]", "{{resolve:ssm:/prod}}"),
            (f"'{secret}'", secret),
            ("!Ref Reference", "{{resolve:ssm:/reference}}"),
            ("!Select [0, !Split [',', '{{resolve:ssm:/list}}']]", "{{resolve:ssm:/list}}"),
            ("{'Fn::ImportValue': !FindInMap [Exports, prod, Endpoint]}", "mapped"),
        ):
            with self.subTest(node):
                resources = scaling(EndpointName=node, VariantName="v")
                [asked] = self.texts(self.tried(resources, parameter, Stage="prod"), "unsuccessful")
                self.assertIn(f"  {name}: ", asked)
                self.assertIn(f'PARAMETERS="Stage=prod" VALUES="{name}=…"', asked)
                told = self.tried(resources, parameter, {name: self.endpoint})
                self.assertEqual(self.targets(told), [f"endpoint/{self.endpoint}/variant/v"])

    def test_only_values_that_are_used_are_asked_for(self) -> None:
        head = """
Parameters:
  Import: {Type: String, Default: "no"}
Conditions:
  Imports: !Equals [!Ref Import, "yes"]
"""
        other = scaling(EndpointName="!ImportValue of-other", VariantName="v").replace("Scaling:", "Other:")
        other = other.replace("    Properties:", "    Condition: Imports\n    Properties:")
        resources = scaling(EndpointName="!If [Imports, !ImportValue of-endpoint, ENDPOINT]", VariantName="v") + other
        self.assertEqual(len(self.targets(self.tried(resources, head))), 1)
        [asked] = self.texts(self.tried(resources, head, Import="yes"), "unsuccessful")
        self.assertIn('VALUES="of-endpoint=… of-other=…"', asked)
        [unknown] = self.texts(self.tried(resources, head, {"of-endpiont": "e"}, Import="yes"), "unsuccessful")
        self.assertIn("The template has no value of-endpiont; did you mean of-endpoint?", unknown)

    def test_a_service_token_in_a_loop_is_the_function_too(self) -> None:
        head = "Transform: AWS::LanguageExtensions\nParameters:\n  Names: {Type: CommaDelimitedList, Default: 'a,b'}\n"
        token = "Parameters:\n  Token: {Type: String}"
        each = textwrap.indent(scaling(EndpointName="ENDPOINT", VariantName="!Ref Name", ServiceToken="TOKEN"), "    ")
        each = each.replace("Scaling", "Scaling${Name}").rstrip().lstrip()
        loop = f"  Fn::ForEach::Each:\n    - Name\n    - !Ref Names\n    - {each}\n"
        inner = loop.replace("Fn::ForEach::Each", "Fn::ForEach::Inner").replace("Scaling$", "Scaling${Size}$")
        nested = f"  Fn::ForEach::Sizes:\n    - Size\n    - [S, M]\n    -\n{textwrap.indent(inner, '    ')}"
        for resources, tokens, count in (
            (loop, (TOKEN, "!ImportValue of-another-name", "!Ref Token"), 2),
            (nested.replace("EndpointName: ENDPOINT", "EndpointName: !Ref Size"), (TOKEN,), 4),
        ):
            for each_token in tokens:
                with self.subTest(resources, token=each_token):
                    start = head.replace("Parameters:", token) if each_token == "!Ref Token" else head
                    told = self.tried(resources.replace("TOKEN", each_token), start)
                    self.assertEqual(len(self.targets(told)), count)
                    remarks = [text for text in self.texts(told, "assume") if text.startswith("the ServiceToken of")]
                    self.assertEqual(len(remarks), count)

    def test_functions_may_name_an_attribute_or_a_resource(self) -> None:
        head = "Transform: AWS::LanguageExtensions\nParameters:\n  Name: {Type: String, Default: Scaling}\n"
        outputs = """
Outputs:
  Id: {Value: !Ref {'Fn::Sub': '${Name}'}}
  Attribute: {Value: {'Fn::GetAtt': [!Ref Name, !Sub 'ResourceId']}}
"""
        told = self.tried(scaling(EndpointName="ENDPOINT", VariantName="v") + outputs, head)
        self.assertEqual(len(self.targets(told)), 1)

    def test_imports_in_a_loop_have_the_given_values(self) -> None:
        head = "Transform: AWS::LanguageExtensions\n"
        each = textwrap.indent(scaling(EndpointName="{'Fn::ImportValue': !Sub 'of-${Name}'}", VariantName="v"), "    ")
        each = each.replace("Scaling", "Scaling${Name}").rstrip().lstrip()
        told = self.tried(f"  Fn::ForEach::Each:\n    - Name\n    - [a, b]\n    - {each}\n", head)
        self.assertIn('VALUES="of-a=… of-b=…"', self.texts(told, "unsuccessful")[0])

    def test_nested_stacks_in_files_are_played(self) -> None:
        inner = f"""
Parameters:
  Endpoint: {{Type: String}}
  Token: {{Type: String}}
Resources:{scaling(EndpointName="!Ref Endpoint", VariantName="!ImportValue of-variant", ServiceToken="!Ref Token")}
Outputs:
  Id: {{Value: !Ref Scaling}}
"""
        (self.scratch / "deep").mkdir()
        (self.scratch / "deep" / "inner.yaml").write_text(inner)
        (self.scratch / "deep" / "middle.yaml").write_text(
            inner.partition("Resources:")[0] + nested("./inner.yaml", Endpoint="!Ref Endpoint", Token="!Ref Token")
        )
        for location in ("deep/inner.yaml", "./deep/middle.yaml", str(self.scratch / "deep/inner.yaml")):
            for endpoint in ("ENDPOINT", "!ImportValue of-endpoint", "!GetAtt Endpoint.EndpointName"):
                with self.subTest(location=location, endpoint=endpoint):
                    resources = nested(location, Endpoint=endpoint, Token="!ImportValue of-function")
                    own = CONFIG.replace("variant-0", "v") + ENDPOINT.replace("ENDPOINT", "Own")
                    own = own if "GetAtt" in endpoint else ""
                    resources = resources.partition("Resources:")[2]
                    values = {"of-variant": "v"} | ({"of-endpoint": self.endpoint} if "of-endpoint" in endpoint else {})
                    told = self.tried(own + resources, values=values)
                    name = "Own" if own else self.endpoint
                    self.assertEqual(self.targets(told), [f"endpoint/{name}/variant/v"])

    def test_a_nested_stack_of_the_cdk_is_played(self) -> None:
        inner = "Resources:\n" + scaling(EndpointName="ENDPOINT", VariantName="v")
        (self.scratch / "inner.template.json").write_text(inner.replace("ENDPOINT", self.endpoint))
        resources = nested("!Join ['', ['https://s3.', !Ref 'AWS::URLSuffix', '/a.json']]").partition("Resources:")[2]
        metadata = "{'aws:asset:path': inner.template.json, 'aws:asset:property': TemplateURL}"
        told = self.tried(f"{resources}    Metadata: {metadata}\n")
        self.assertEqual(self.targets(told), [f"endpoint/{self.endpoint}/variant/v"])

    def test_what_a_nested_stack_lacks_is_told_as_of_the_template(self) -> None:
        (self.scratch / "inner.yaml").write_text(
            "Resources:\n" + scaling(EndpointName="!ImportValue of-endpoint", VariantName="v")
        )
        resources = nested("inner.yaml").partition("Resources:")[2]
        [asked] = self.texts(self.tried(resources), "unsuccessful")
        self.assertIn('VALUES="of-endpoint=…"', asked)
        [unsuccessful] = self.texts(self.tried(resources.replace("inner", "outer")), "unsuccessful")
        self.assertIn("outer.yaml, which does not exist", unsuccessful)

    def test_what_the_function_refuses_in_a_nested_stack_is_told_and_nothing_is_left(self) -> None:
        fine = scaling(EndpointName="ENDPOINT", VariantName="v")
        wrong = scaling(EndpointName="arn:aws:sagemaker:us-east-1:444455556666:endpoint/e", VariantName="v")
        inner = "Resources:\n" + fine + wrong.replace("Scaling:", "Wrong:\n    DependsOn: Scaling")
        (self.scratch / "inner.yaml").write_text(inner.replace("ENDPOINT", self.endpoint))
        told = self.tried(nested("inner.yaml").partition("Resources:")[2])
        self.assertIn("444455556666", self.reason(told))
        self.assertIn("shows no target", self.texts(told, "check")[0])
        [unsuccessful] = self.texts(told, "unsuccessful")
        self.assertIn("NOT created: Nested failed. What to do about its reason is in README.md", unsuccessful)

    def test_a_nested_stack_whose_template_is_elsewhere_is_left_out(self) -> None:
        for location in ("https://s3.amazonaws.com/templates/t.yaml", "!Sub 's3://${AWS::AccountId}/t.yaml'"):
            with self.subTest(location):
                resources = nested(location).partition("Resources:")[2]
                resources += scaling(EndpointName="!GetAtt Nested.Outputs.EndpointName", VariantName="v")
                told = self.tried(resources, values={"Nested.Outputs.EndpointName": self.endpoint})
                self.assertEqual(self.targets(told), [f"endpoint/{self.endpoint}/variant/v"])
                self.assertIn("name its file in a copy of the template", self.texts(told, "assume")[0])

    def test_functions_of_sam_with_local_code_are_played(self) -> None:
        code = self.scratch / "api"
        code.mkdir()
        (code / "app.py").write_text("def handler(event, context): pass\n")
        target = scaling(EndpointName="ENDPOINT", VariantName="v")
        head = "Transform: AWS::Serverless-2016-10-31\n"
        layer = "  Layer:\n    Type: AWS::Serverless::LayerVersion\n    Properties: {ContentUri: ./api}\n"
        native = NATIVE_FUNCTION.replace("CODE", "api")
        for resources, start in (
            (SAM_FUNCTION.replace("CODE", "CodeUri: ./api"), head),
            (SAM_FUNCTION.replace("CODE", "CodeUri: api/app.py"), head),
            (SAM_FUNCTION.replace("CODE", "InlineCode: pass"), head),
            (SAM_FUNCTION.replace("      CODE\n", ""), f"{head}Globals: {{Function: {{CodeUri: api}}}}\n"),
            (layer, head),
            (native, ""),
        ):
            with self.subTest(resources):
                self.assertEqual(len(self.targets(self.tried(resources + target, start))), 1)
        missing = SAM_FUNCTION.replace("CODE", "CodeUri: ./apo")
        [unsuccessful] = self.texts(self.tried(missing + target, head), "unsuccessful")
        self.assertIn("apo, which does not exist", unsuccessful)

    def test_a_function_whose_code_is_in_a_bucket_is_not_waited_for(self) -> None:
        head = "Transform: AWS::Serverless-2016-10-31\n"
        of_cdk = '{Bucket: !Sub "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}", Key: 0123.zip}'
        target = scaling(EndpointName="ENDPOINT", VariantName="v", ServiceToken="!GetAtt Api.Arn")
        other = "  Other:\n    Type: Custom::Other\n    Properties: {ServiceToken: !GetAtt Other2.Arn}\n"
        of_other = SAM_FUNCTION.replace("CODE", "CodeUri: s3://bucket/key").replace("Api:", "Other2:")
        for code in (f"CodeUri: {of_cdk}", "CodeUri: s3://bucket/key"):
            with self.subTest(code):
                told = self.tried(SAM_FUNCTION.replace("CODE", code) + target + of_other + other, head)
                self.assertEqual(len(self.targets(told)), 1)
                assumed = "\n".join(self.texts(told, "assume"))
                self.assertIn("the ServiceToken of Scaling is the function on this machine", assumed)
                self.assertIn("Other is left out: its ServiceToken is another function", assumed)


if __name__ == "__main__":
    unittest.main()
