#!/bin/sh
# cfn-lint expands Fn::ForEach for one environment: the first of `AllowedValues`, whatever `--parameters` says.
#
# Guess: with a collection of `Fn::FindInMap` on a parameter, cfn-lint checks each allowed value, as it does for conditions, or
#        at least the one of `--parameters`.
# Seen:  it checks only the default, or else the first allowed value. With [dev, prod], a sound template is refused and one
#        that is broken in prod passes; with [prod, dev] it is the other way round. `--parameters Stage=prod` changes nothing.
#        cloud-radar expands both templates for the stage that it is given.
# So:    lint such a template once per stage, each time with another `Default`.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check cfn-lint==1.58.0 cloud-radar==0.17.0
cd "$folder"
cat > sound.yaml <<'YAML'
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::LanguageExtensions
Parameters:
  Stage: { Type: String, AllowedValues: [dev, prod] }
Mappings:
  Variants:
    dev: { Names: [Blue] }
    prod: { Names: [Blue, Green] }
  Limits:
    Blue: { Max: 2 }
    Green: { Max: 4 }
Conditions:
  IsProd: !Equals [!Ref Stage, prod]
Resources:
  Fn::ForEach::Targets:
    - Variant
    - !FindInMap [Variants, !Ref Stage, Names]
    - "Target${Variant}":
        Type: AWS::ApplicationAutoScaling::ScalableTarget
        Properties:
          MinCapacity: 1
          MaxCapacity: !FindInMap [Limits, !Ref Variant, Max]
          ResourceId: !Sub "endpoint/e/variant/${Variant}"
          ScalableDimension: sagemaker:variant:DesiredInstanceCount
          ServiceNamespace: sagemaker
Outputs:
  Green: { Condition: IsProd, Value: !Ref TargetGreen }
YAML
# "TargetBlue-2" is no logical id, so prod cannot be deployed; dev can.
sed -e 's/\[Blue, Green\]/[Blue, Blue-2]/' -e 's/Green: { Max/Blue-2: { Max/' \
    -e '/^Outputs:/,$d' -e '/^Conditions:/,/IsProd/d' sound.yaml > broken.yaml
for name in sound broken; do sed 's/\[dev, prod\]/[prod, dev]/' "$name.yaml" > "$name-prod-first.yaml"; done
sed 's/\[dev, prod\]/[dev, prod], Default: prod/' broken.yaml > broken-prod-default.yaml

lint() {
    expected=$1
    template=$2
    shift 2
    venv/bin/cfn-lint --format parseable --template "$template" "$@" > found || true
    rules=$(cut -d: -f6 found | sort -u | tr '\n' ' ')
    echo "cfn-lint $template $*: ${rules:-nothing}"
    sed 's/^/    /' found
    [ "${rules% }" = "$expected" ]
}
lint E6101 sound.yaml
lint E6101 sound.yaml --parameters Stage=prod
lint "" sound-prod-first.yaml
lint "" broken.yaml
lint "" broken.yaml --parameters Stage=prod
lint E3001 broken-prod-first.yaml
lint E3001 broken-prod-first.yaml --parameters Stage=dev
lint E3001 broken-prod-default.yaml

venv/bin/python - <<'PYTHON'
from contextlib import redirect_stdout
from pathlib import Path

from cloud_radar.cf.unit import Template

for name, stage in (("sound", "dev"), ("sound", "prod"), ("broken", "dev"), ("broken", "prod")):
    with redirect_stdout(None):
        stack = Template.from_yaml(Path(f"{name}.yaml"), {}).create_stack({"Stage": stage}, region="us-east-1")
    seen = sorted(stack.data["Resources"])
    print("cloud-radar", name, stage, *seen)
    second = "TargetGreen" if name == "sound" else "TargetBlue-2"
    assert seen == (["TargetBlue"] if stage == "dev" else sorted(["TargetBlue", second]))
PYTHON
