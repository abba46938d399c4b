#!/bin/sh
# Powertools for TypeScript drops the dimensions of a metric from its 101st value on. Powertools for Python keeps them.
#
# Guess: Powertools splits 150 values into documents of 100, the limit of CloudWatch, and each document has the dimensions.
# Seen:  the second document has no `EndpointName`, without a warning. After 100 values, or 100 metrics, the library publishes
#        by itself, and that clears the dimensions, as if the invocation were over. Python keeps them.
# So:    use `setDefaultDimensions`, which stay. A policy that tracks this metric by its dimension sees 100 values of 150.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{"private": true, "dependencies": {"@aws-lambda-powertools/metrics": "2.36.0"}}' > package.json
npm install --silent --no-audit --no-fund
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check aws-lambda-powertools==3.37.0
unset POWERTOOLS_DEV POWERTOOLS_METRICS_DISABLED POWERTOOLS_SERVICE_NAME POWERTOOLS_METRICS_NAMESPACE
cat > app.js <<'JAVASCRIPT'
const { Metrics } = require('@aws-lambda-powertools/metrics');

const metrics = new Metrics({ namespace: 'n', serviceName: 's' });
const dimensions = { EndpointName: 'e' };
process.argv[3] === 'default' ? metrics.setDefaultDimensions(dimensions) : metrics.addDimensions(dimensions);
for (let i = 0; i < 150; i++) metrics.addMetric(process.argv[2] === 'values' ? 'Backlog' : `Backlog${i}`, 'Count', i);
metrics.publishStoredMetrics();
JAVASCRIPT
cat > app.py <<'PYTHON'
import sys

from aws_lambda_powertools import Metrics

metrics = Metrics(namespace="n", service="s")
metrics.add_dimension("EndpointName", "e")
for i in range(150):
    metrics.add_metric("Backlog" if sys.argv[1] == "values" else f"Backlog{i}", "Count", i)
metrics.flush_metrics()
PYTHON
cat > read.py <<'PYTHON'
import json
import sys

seen = []
for line in sys.stdin:
    document = json.loads(line)
    [directive] = document["_aws"]["CloudWatchMetrics"]
    [dimensions] = directive["Dimensions"]
    values = [document[metric["Name"]] for metric in directive["Metrics"]]
    seen.append((sum(len(each) if isinstance(each, list) else 1 for each in values), sorted(dimensions)))
print(*sys.argv[2:], seen)
both, one = ["EndpointName", "service"], ["service"]
assert seen == [(100, both), (50, both if sys.argv[1] == "kept" else one)]
PYTHON
for kind in values metrics; do
    node app.js "$kind" > lines
    venv/bin/python read.py lost "TypeScript, 150 $kind:" < lines
    node app.js "$kind" default > lines
    venv/bin/python read.py kept "TypeScript, 150 $kind, default dimensions:" < lines
    venv/bin/python app.py "$kind" > lines
    venv/bin/python read.py kept "Python, 150 $kind:" < lines
done
