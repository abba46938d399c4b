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
        "Description": "The names of the buckets that hold the function's code, without -REGION at the end",
    },
    "CodeKey": {"Type": "String", "MinLength": 1, "Description": "The key of bootstrap.zip in these buckets"},
}
# Lambda reads the code only from a bucket in its own Region.
_CODE = {"Bucket": {"Fn::Sub": "${CodeBucket}-${AWS::Region}"}, "Key": {"Ref": "CodeKey"}}


def stack_set_template(template: str) -> str:
    """A template of a package as a plain one, in JSON."""
    sam: dict[str, Any] = json.loads(json.dumps(cfn_yaml.loads(template)))
    sam["Parameters"] |= _PARAMETERS
    sam["Resources"]["Function"]["Properties"]["CodeUri"] = _CODE
    # Of the Serverless Application Repository, which takes the other template.
    del sam["Metadata"]
    # The Region only decides about features that this template does not use.
    translator = Translator({}, Parser(), boto_session=Session(region_name="us-east-1"))
    plain = translator.translate(sam, {})
    # It drops the metrics. Otherwise the translator prints a warning at exit.
    translator.metrics.publish()
    return json.dumps(plain, indent=2) + "\n"
