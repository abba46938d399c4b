#!/bin/sh
# The CDK drops the period of a metric that a target-tracking policy tracks, and refuses metric math.
#
# Guess: a metric with a period of 10 seconds is an error or a warning, because the policy has no place for a period; an
#        expression becomes `Metrics`, which CloudFormation has had for years.
# Seen:  10 seconds and 10 minutes give the same policy, without a word. An expression is an error.
# So:    alarm and policy of one `Metric` may see other values. For an expression, use the L1 `CfnScalingPolicy`.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{"private": true, "dependencies": {"aws-cdk-lib": "2.276.0", "constructs": "10.8.1"}}' > package.json
npm install --silent --no-audit --no-fund
cat > app.js <<'JAVASCRIPT'
const assert = require('node:assert');
const { App, Duration, Stack } = require('aws-cdk-lib');
const { Annotations, Match, Template } = require('aws-cdk-lib/assertions');
const scaling = require('aws-cdk-lib/aws-applicationautoscaling');
const { MathExpression, Metric } = require('aws-cdk-lib/aws-cloudwatch');

function policy(customMetric) {
  const stack = new Stack(new App(), 'stack');
  const target = new scaling.ScalableTarget(stack, 'target', {
    minCapacity: 1,
    maxCapacity: 4,
    resourceId: 'endpoint/e/variant/v',
    scalableDimension: 'sagemaker:variant:DesiredInstanceCount',
    serviceNamespace: scaling.ServiceNamespace.SAGEMAKER,
  });
  target.scaleToTrackMetric('policy', { targetValue: 70, customMetric });
  const told = ['findWarning', 'findError', 'findInfo'].flatMap((find) => Annotations.fromStack(stack)[find]('*', Match.anyValue()));
  assert.deepEqual(told.filter((each) => /period/i.test(JSON.stringify(each.entry.data))), []);
  const [made] = Object.values(Template.fromStack(stack).findResources('AWS::ApplicationAutoScaling::ScalingPolicy'));
  return made.Properties.TargetTrackingScalingPolicyConfiguration.CustomizedMetricSpecification;
}

const metric = (period) => new Metric({ namespace: 'n', metricName: 'm', statistic: 'Average', period });
const [short, long] = [policy(metric(Duration.seconds(10))), policy(metric(Duration.minutes(10)))];
console.log('10 seconds:', JSON.stringify(short));
console.log('10 minutes:', JSON.stringify(long));
assert.deepEqual(short, { MetricName: 'm', Namespace: 'n', Statistic: 'Average' });
assert.deepEqual(long, short);

const half = new MathExpression({ expression: 'a / 2', usingMetrics: { a: metric(Duration.minutes(1)) } });
assert.throws(() => policy(half), (error) => {
  console.log('an expression:', error.message);
  return /Only direct metrics/.test(error.message);
});
JAVASCRIPT
node app.js
