"""The template for StackSets: without the SAM transform, and with the function's code in a bucket of each Region."""

import json
from typing import Any

from boto3 import Session
from cfnlint.decode import cfn_yaml
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

_PARAMETERS = {
    "CodeBucket": {
        "Type": "String",
        "AllowedPattern": "[a-z0-9][a-z0-9.-]{2,46}",
        "Description": "The name of the buckets with the function's code, without -REGION at its end",
    },
    "CodeKey": {"Type": "String", "MinLength": 1, "Description": "The key of bootstrap.zip in these buckets"},
}
# Lambda reads the code only from a bucket in its own Region.
_CODE = {"Bucket": {"Fn::Sub": "${CodeBucket}-${AWS::Region}"}, "Key": {"Ref": "CodeKey"}}


def stack_set_template(template: str) -> str:
    """The template of a package without the SAM transform, in JSON."""
    sam: dict[str, Any] = json.loads(json.dumps(cfn_yaml.loads(template)))
    sam["Parameters"] |= _PARAMETERS
    sam["Resources"]["Function"]["Properties"]["CodeUri"] = _CODE
    # Only the Serverless Application Repository reads it, in template.yaml.
    del sam["Metadata"]
    # The translator needs a Region, for features that this template does not have.
    translator = Translator({}, Parser(), boto_session=Session(region_name="us-east-1"))
    plain = translator.translate(sam, {})
    # Discards the metrics. If some are left, the translator prints a warning at exit.
    translator.metrics.publish()
    return json.dumps(plain, indent=2) + "\n"
