#!/bin/sh
# `totalTimeout` of the CDK's Provider limits the number of checks, not the time.
#
# Guess: with a `totalTimeout` of 30 minutes the resource fails after 30 minutes: it is documented as the "total timeout for the
#        entire operation".
# Seen:  the state machine has no timeout. It has a number of retries: `totalTimeout` by `queryInterval`. The time that each
#        check takes comes on top. With a check each 5 seconds that takes 10, 30 minutes become 90.
# So:    CloudFormation gives up first, after `ServiceTimeout` or an hour. Look at the clock in `isComplete`, or choose an
#        interval that is much longer than a check takes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{"private": true, "dependencies": {"aws-cdk-lib": "2.276.0", "constructs": "10.8.1"}}' > package.json
npm install --silent --no-audit --no-fund
cat > app.js <<'JAVASCRIPT'
const assert = require('node:assert');
const { App, Duration, Stack } = require('aws-cdk-lib');
const { Template } = require('aws-cdk-lib/assertions');
const { Code, Function, Runtime } = require('aws-cdk-lib/aws-lambda');
const { Provider } = require('aws-cdk-lib/custom-resources');

const stack = new Stack(new App(), 'stack');
const handler = new Function(stack, 'handler', {
  runtime: Runtime.NODEJS_LATEST,
  handler: 'index.handler',
  code: Code.fromInline('0'),
});
new Provider(stack, 'provider', {
  onEventHandler: handler,
  isCompleteHandler: handler,
  totalTimeout: Duration.minutes(30),
  queryInterval: Duration.seconds(5),
});
const [machine] = Object.values(Template.fromStack(stack).findResources('AWS::StepFunctions::StateMachine'));
const text = machine.Properties.DefinitionString['Fn::Join'][1].map((part) => (typeof part === 'string' ? part : 'arn')).join('');
const { TimeoutSeconds, States } = JSON.parse(text);
const check = States['framework-isComplete-task'];
console.log(JSON.stringify(check.Retry), 'timeouts:', TimeoutSeconds, check.TimeoutSeconds, check.HeartbeatSeconds);
assert.deepEqual(check.Retry, [{ ErrorEquals: ['States.ALL'], IntervalSeconds: 5, MaxAttempts: 360, BackoffRate: 1 }]);
assert.ok(!/Timeout(Seconds|SecondsPath)|Heartbeat/.test(text));

const [{ IntervalSeconds, MaxAttempts }] = check.Retry;
for (const seconds of [0, 1, 10]) {
  const minutes = (MaxAttempts * IntervalSeconds + (MaxAttempts + 1) * seconds) / 60;
  console.log(`a check of ${seconds} s: ${MaxAttempts + 1} checks in ${minutes.toFixed(1)} minutes`);
}
JAVASCRIPT
node app.js
