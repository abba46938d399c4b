#!/bin/sh
# At the bound between two steps, the CDK's step scaling has both alarms on.
#
# Guess: with `{upper: 10, change: 1}, {lower: 10, change: 2}` as exact capacities, a backlog of 10 means 2 instances: `upper` is
#        documented as "if the metric is lower than this value", `lower` as "higher than or equal".
# Seen:  one alarm is `<= 10` and sets 1 instance, the other is `>= 10` and sets 2. With a backlog of 10 both are on: the bound
#        belongs to both steps. Nothing warns about it.
# So:    for a metric that counts things, put the bound between two numbers, such as 9.5. Then one alarm is on at a time.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{"private": true, "dependencies": {"aws-cdk-lib": "2.276.0", "constructs": "10.8.1"}}' > package.json
npm install --silent --no-audit --no-fund
cat > app.js <<'JAVASCRIPT'
const assert = require('node:assert');
const { App, Stack } = require('aws-cdk-lib');
const { Annotations, Match, Template } = require('aws-cdk-lib/assertions');
const { AdjustmentType, ScalableTarget, ServiceNamespace } = require('aws-cdk-lib/aws-applicationautoscaling');
const { Metric } = require('aws-cdk-lib/aws-cloudwatch');

const OPERATORS = {
  LessThanOrEqualToThreshold: (value, threshold) => value <= threshold,
  GreaterThanOrEqualToThreshold: (value, threshold) => value >= threshold,
};

function capacities(bound, backlogs) {
  const stack = new Stack(new App(), 'stack');
  const target = new ScalableTarget(stack, 'target', {
    minCapacity: 1,
    maxCapacity: 4,
    resourceId: 'endpoint/e/variant/v',
    scalableDimension: 'sagemaker:variant:DesiredInstanceCount',
    serviceNamespace: ServiceNamespace.SAGEMAKER,
  });
  target.scaleOnMetric('steps', {
    metric: new Metric({ namespace: 'AWS/SageMaker', metricName: 'ApproximateBacklogSize', dimensionsMap: { EndpointName: 'e' } }),
    adjustmentType: AdjustmentType.EXACT_CAPACITY,
    scalingSteps: [{ upper: bound, change: 1 }, { lower: bound, upper: 50, change: 2 }, { lower: 50, change: 4 }],
  });
  const template = Template.fromStack(stack);
  const told = ['findWarning', 'findError'].flatMap((find) => Annotations.fromStack(stack)[find]('*', Match.anyValue()));
  assert.deepEqual(told, []);
  const policies = template.findResources('AWS::ApplicationAutoScaling::ScalingPolicy');
  const alarms = Object.values(template.findResources('AWS::CloudWatch::Alarm')).map(({ Properties: alarm }) => {
    const policy = policies[alarm.AlarmActions[0].Ref].Properties.StepScalingPolicyConfiguration;
    console.log(alarm.ComparisonOperator, alarm.Threshold, JSON.stringify(policy.StepAdjustments));
    return { ...alarm, steps: policy.StepAdjustments };
  });
  return backlogs.map((backlog) => {
    const on = alarms.filter((alarm) => OPERATORS[alarm.ComparisonOperator](backlog, alarm.Threshold));
    const seen = on.map(({ Threshold, steps }) => steps.find((step) => {
      const distance = backlog - Threshold;
      return distance >= (step.MetricIntervalLowerBound ?? -Infinity) && distance <= (step.MetricIntervalUpperBound ?? Infinity);
    }).ScalingAdjustment);
    console.log(`a backlog of ${backlog}: ${on.length} alarms on, capacities ${seen}`);
    return seen;
  });
}

assert.deepEqual(capacities(10, [9, 10, 11]), [[1], [1, 2], [2]]);
assert.deepEqual(capacities(9.5, [9, 10, 11]), [[1], [2], [2]]);
JAVASCRIPT
node app.js
