#!/bin/sh
# cfn-lint leaves the variable of Fn::ForEach in plain text and in Fn::ToJsonString.
#
# Guess: cfn-lint puts the value of the loop into all of the fragment, as AWS documents: "All instances of ${Identifier} or
#        &{Identifier} in the OutputKey and OutputValue parameters".
# Seen:  it does so for keys and functions only. `DependsOn: "Endpoint${Variant}"` is an error. The ids of two targets are the
#        same text, so they are refused as duplicates. A `Ref` in Fn::ToJsonString is unknown. cloud-radar replaces all of it.
# So:    write `!Sub` even where plain text will do. Within Fn::ToJsonString, `!Sub "${Variant}"` passes, too.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check cfn-lint==1.58.0 cloud-radar==0.17.0
cd "$folder"
cat > text.yaml <<'YAML'
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::LanguageExtensions
Resources:
  Fn::ForEach::Targets:
    - Variant
    - [Blue, Green]
    - "Endpoint${Variant}":
        Type: AWS::SageMaker::Endpoint
        Properties:
          EndpointConfigName: c
      "Target${Variant}":
        Type: AWS::ApplicationAutoScaling::ScalableTarget
        DependsOn: "Endpoint${Variant}"
        Properties:
          MinCapacity: 1
          MaxCapacity: 4
          ResourceId: "endpoint/e/variant/${Variant}"
          ScalableDimension: sagemaker:variant:DesiredInstanceCount
          ServiceNamespace: sagemaker
      "Custom${Variant}":
        Type: Custom::SageMakerScalableTarget
        Properties:
          ServiceToken: !Sub "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:f"
          Policy: !ToJsonString { PolicyName: !Ref Variant }
YAML
sed -e 's/DependsOn: "/DependsOn: !Sub "/' -e 's/ResourceId: "/ResourceId: !Sub "/' \
    -e 's/!Ref Variant/!Sub "${Variant}"/' text.yaml > sub.yaml

lint() {
    venv/bin/cfn-lint --format parseable --template "$1" > found || true
    rules=$(cut -d: -f6 found | sort -u | tr '\n' ' ')
    echo "cfn-lint $1: ${rules:-nothing}"
    sed 's/^/    /' found
    [ "${rules% }" = "$2" ]
}
lint text.yaml "E1031 E3005 E3019"
lint sub.yaml ""

venv/bin/python - <<'PYTHON'
from contextlib import redirect_stdout
from pathlib import Path

from cloud_radar.cf.unit import Template

seen = {}
for name in ("text", "sub"):
    with redirect_stdout(None):
        stack = Template.from_yaml(Path(f"{name}.yaml"), {}).create_stack({}, region="us-east-1")
    seen[name] = stack.data["Resources"]
target, custom = seen["text"]["TargetGreen"], seen["text"]["CustomGreen"]
shown = (target["DependsOn"], target["Properties"]["ResourceId"], custom["Properties"]["Policy"])
print("cloud-radar:", *shown)
assert shown == ("EndpointGreen", "endpoint/e/variant/Green", '{"PolicyName":"Green"}')
assert seen["text"] == seen["sub"]
PYTHON
