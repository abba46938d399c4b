#!/bin/sh
# The CDK's validation at synthesis checks a parameter's default in a branch that its condition excludes.
#
# Guess: `!If [Notifies, [!Ref Topic], !Ref AWS::NoValue]`, where Notifies is `Topic is not ""`, is no mistake of a template
#        whose Topic is "" by default: with this default, AlarmActions is left out. cfn-lint 1.58.0 finds nothing.
# Seen:  aws-cdk-lib 2.275.0 reports F3033 for the empty text. With the feature flag
#        @aws-cdk/core:validateAgainstDefaultRules, synthesis fails. Without a default there is no finding.
# So:    acknowledge CloudFormation-Validate::F3033 for optional parameters before you set the flag.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{"private": true, "dependencies": {"aws-cdk-lib": "2.275.0", "constructs": "10.5.0"}}' > package.json
npm install --silent --no-audit --no-fund
cat > app.js <<'JAVASCRIPT'
const fs = require('node:fs');
const { App, Stack } = require('aws-cdk-lib');
const { CfnInclude } = require('aws-cdk-lib/cloudformation-include');

const [, , validates, ...defaults] = process.argv;
const alarm = {
  ComparisonOperator: 'GreaterThanThreshold',
  EvaluationPeriods: 1,
  MetricName: 'Errors',
  Namespace: 'AWS/Lambda',
  Period: 300,
  Statistic: 'Sum',
  Threshold: 0,
  AlarmActions: { 'Fn::If': ['Notifies', [{ Ref: 'Topic' }], { Ref: 'AWS::NoValue' }] },
};
const template = {
  Parameters: { Topic: { Type: 'String', Default: defaults[0] } },
  Conditions: { Notifies: { 'Fn::Not': [{ 'Fn::Equals': [{ Ref: 'Topic' }, ''] }] } },
  Resources: { Alarm: { Type: 'AWS::CloudWatch::Alarm', Properties: alarm } },
};
fs.writeFileSync('template.json', JSON.stringify(template));
const app = new App({ context: { '@aws-cdk/core:validateAgainstDefaultRules': validates === 'true' }, outdir: 'out' });
new CfnInclude(new Stack(app, 'Stack'), 'Template', { templateFile: 'template.json' });
app.synth();
JAVASCRIPT
node app.js false '' 2> seen
grep 'length 0 is below minimum 1' seen
grep -q F3033 seen
if node app.js true '' 2> seen; then echo 'synthesis succeeds' && exit 1; fi
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check cfn-lint==1.58.0
venv/bin/cfn-lint --ignore-checks W -- template.json
node app.js true 2> seen
if grep F3033 seen; then exit 1; fi
echo 'F3033 for an empty default, none without a default, and none by cfn-lint'
