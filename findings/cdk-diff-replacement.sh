#!/bin/sh
# The library behind `cdk diff` does not follow a replaced endpoint into the CDK's own `ResourceId`.
#
# Guess: when the name of an endpoint changes, its scalable target and the policy are shown as replaced, too: their ids hold
#        the name.
# Seen:  only the endpoint is. The library follows a plain `Ref` or `Fn::GetAtt`, and stops at `Fn::Join`, which the CDK writes
#        for a template literal, and at `Fn::Sub`. The target and its policy are not in the difference at all.
# So:    a difference of two templates that replaces an endpoint may also replace what refers to it. Read a change set.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat > package.json <<'JSON'
{
  "private": true,
  "dependencies": { "@aws-cdk/cloudformation-diff": "2.187.5", "aws-cdk-lib": "2.276.0", "constructs": "10.8.1" }
}
JSON
npm install --silent --no-audit --no-fund
cat > app.js <<'JAVASCRIPT'
const assert = require('node:assert');
const { App, Fn, Stack } = require('aws-cdk-lib');
const { Template } = require('aws-cdk-lib/assertions');
const scaling = require('aws-cdk-lib/aws-applicationautoscaling');
const { CfnEndpoint } = require('aws-cdk-lib/aws-sagemaker');
const { fullDiff } = require('@aws-cdk/cloudformation-diff');

function template(endpointName, resourceId) {
  const stack = new Stack(new App(), 'stack');
  const endpoint = new CfnEndpoint(stack, 'Endpoint', { endpointName, endpointConfigName: 'c' });
  const target = new scaling.CfnScalableTarget(stack, 'Target', {
    minCapacity: 1,
    maxCapacity: 4,
    resourceId: resourceId(endpoint),
    scalableDimension: 'sagemaker:variant:DesiredInstanceCount',
    serviceNamespace: 'sagemaker',
  });
  new scaling.CfnScalingPolicy(stack, 'Policy', {
    policyName: 'p',
    policyType: 'TargetTrackingScaling',
    scalingTargetId: target.ref,
    targetTrackingScalingPolicyConfiguration: {
      targetValue: 70,
      predefinedMetricSpecification: { predefinedMetricType: 'SageMakerVariantInvocationsPerInstance' },
    },
  });
  return Template.fromStack(stack).toJSON();
}

function impacts(name, resourceId) {
  const seen = {};
  const after = template('after', resourceId);
  fullDiff(template('before', resourceId), after).resources.forEachDifference((id, change) => { seen[id] = change.changeImpact; });
  console.log(name, JSON.stringify(after.Resources.Target.Properties.ResourceId), JSON.stringify(seen));
  return seen;
}

const literal = (endpoint) => `endpoint/${endpoint.attrEndpointName}/variant/v`;
assert.deepEqual(impacts('a template literal:', literal), { Endpoint: 'WILL_REPLACE' });
assert.deepEqual(impacts('Fn.sub:', () => Fn.sub('endpoint/${Endpoint.EndpointName}/variant/v')), { Endpoint: 'WILL_REPLACE' });
assert.deepEqual(impacts('only an attribute:', (endpoint) => endpoint.attrEndpointName), {
  Endpoint: 'WILL_REPLACE',
  Target: 'WILL_REPLACE',
  Policy: 'WILL_REPLACE',
});
JAVASCRIPT
node app.js
