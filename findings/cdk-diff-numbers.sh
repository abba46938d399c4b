#!/bin/sh
# The library behind `cdk diff` sees no change from version 1.1 to version 1.10.
#
# Guess: a text property that changes from "1.1" to "1.10" is a difference: it is text for CloudFormation, too, which sends an
#        Update to the custom resource.
# Seen:  no difference at all. The library turns text into numbers first, for every property of every type. "1e3" equals
#        "1000", "" equals "0", "7" equals ["7"], and two ids of 17 digits are equal when they round to the same number.
# So:    a version is safe with three parts or a letter, such as "v1.10". Do not take "no differences" of a pipeline as proof.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{"private": true, "dependencies": {"@aws-cdk/cloudformation-diff": "2.187.5"}}' > package.json
npm install --silent --no-audit --no-fund
cat > app.js <<'JAVASCRIPT'
const assert = require('node:assert');
const { fullDiff } = require('@aws-cdk/cloudformation-diff');

const template = (Value) => ({
  Resources: {
    Target: { Type: 'Custom::SageMakerScalableTarget', Properties: { ServiceToken: 'arn', Value } },
    Model: { Type: 'AWS::SageMaker::Model', Properties: { Tags: [{ Key: 'Version', Value }] } },
  },
});

function differences(before, after) {
  const { differenceCount } = fullDiff(template(before), template(after));
  console.log(JSON.stringify(before), 'to', JSON.stringify(after), 'is', differenceCount, 'differences in two resources');
  return differenceCount;
}

const unseen = [
  ['1.1', '1.10'],
  ['1.0', '1'],
  ['1e3', '1000'],
  ['007', '7'],
  ['', '0'],
  ['7', ['7']],
  ['12345678901234567', '12345678901234568'],
];
for (const [before, after] of unseen) assert.equal(differences(before, after), 0);
for (const [before, after] of [['1.1', '1.2'], ['1.1.0', '1.10.0'], ['v1.1', 'v1.10'], ['', 'a']]) {
  assert.equal(differences(before, after), 2);
}
JAVASCRIPT
node app.js
