#!/bin/sh
# moto finds the policies of variant v1 when you ask for those of variant v10.
#
# Guess: DescribeScalingPolicies with a `ResourceId` returns the policies of exactly this resource, as in AWS.
# Seen:  it also returns the policies of each resource whose id is a part of the id that was asked for, so v10, v11 and v12
#        have the policy of v1. DescribeScheduledActions of the same version compares whole ids.
# So:    filter the answer by `ResourceId` yourself, or give the variants of a test names of one length.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check moto==5.2.5 boto3==1.44.8
AWS_ACCESS_KEY_ID=none AWS_SECRET_ACCESS_KEY=none "$folder/venv/bin/python" - <<'PYTHON'
import boto3
from moto import mock_aws

DIMENSION = {"ServiceNamespace": "sagemaker", "ScalableDimension": "sagemaker:variant:DesiredInstanceCount"}
TRACKING = {
    "TargetValue": 70.0,
    "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
}

with mock_aws():
    client = boto3.client("application-autoscaling", region_name="us-east-1")
    for number in range(1, 13):
        resource = {**DIMENSION, "ResourceId": f"endpoint/e/variant/v{number}"}
        client.register_scalable_target(**resource, MinCapacity=1, MaxCapacity=4)
        client.put_scaling_policy(
            **resource,
            PolicyName=f"policy-{number}",
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration=TRACKING,
        )
        client.put_scheduled_action(
            **resource,
            ScheduledActionName=f"action-{number}",
            Schedule="cron(0 8 * * ? *)",
            ScalableTargetAction={"MinCapacity": 2},
        )
    policies, actions = {}, {}
    for number in range(1, 13):
        resource = {**DIMENSION, "ResourceId": f"endpoint/e/variant/v{number}"}
        found = client.describe_scaling_policies(**resource)["ScalingPolicies"]
        policies[number] = [policy["PolicyName"] for policy in found]
        found = client.describe_scheduled_actions(**resource)["ScheduledActions"]
        actions[number] = [action["ScheduledActionName"] for action in found]
        print(f"v{number}", *policies[number], *actions[number])
    try:
        client.delete_scaling_policy(**DIMENSION, ResourceId="endpoint/e/variant/v10", PolicyName=policies[10][0])
        raise SystemExit("the policy that was found for v10 can be deleted from it")
    except client.exceptions.ClientError as error:
        print(error)

for number in range(1, 13):
    own = [f"policy-{number}"]
    assert policies[number] == (["policy-1"] + own if number >= 10 else own), number
    assert actions[number] == [f"action-{number}"], number
PYTHON
