"""The systems: what runs, and its resource in a template."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.faults.lambda_service import Program
from bench.faults.peers import Peers

HERE = Path(__file__).resolve().parent
DIMENSION = "sagemaker:variant:DesiredInstanceCount"
# In AWS, the construct gives the framework's function 15 minutes. Its retries need no more than this.
_FRAMEWORK_SECONDS = 45


@dataclass(frozen=True)
class System:
    """One column."""

    name: str
    title: str
    function: Program
    user_function: Program | None = None
    """The function that this function invokes."""
    resource_type: str = "Custom::SageMakerScalableTarget"
    drops_port: bool = False
    """Whether it PUTs to the response URL's host and path only."""
    has_ownership: bool = False
    """Whether it checks who owns a target before it changes or removes it."""
    handler_rows: frozenset[str] = frozenset()
    """The rows in which our handler causes a bad result, and not the peer that it uses. Rows on ownership are apart."""

    def properties(self, variant: str, least: Any, most: Any, endpoint: str = "prod") -> dict[str, Any]:
        """Its `ResourceProperties`, without those that are None."""
        if self.name == "AwsCustomResource":
            return _sdk_calls(endpoint, variant, least, most)
        given = {"EndpointName": endpoint, "VariantName": variant, "MinCapacity": least, "MaxCapacity": most}
        return {"ServiceToken": "token", **{name: value for name, value in given.items() if value is not None}}


def _sdk_calls(endpoint: str, variant: str, least: Any, most: Any) -> dict[str, Any]:
    """The properties of `new AwsCustomResource(...)` with `onCreate`, `onUpdate` and `onDelete` in a template."""
    resource = f"endpoint/{endpoint}/variant/{variant}"
    target = {"ServiceNamespace": "sagemaker", "ScalableDimension": DIMENSION, "ResourceId": resource}
    limits = {
        name: int(value) if str(value).isdigit() else value
        for name, value in (("MinCapacity", least), ("MaxCapacity", most))
        if value is not None
    }
    call = {"service": "application-auto-scaling", "physicalResourceId": {"id": resource}}
    register = {**call, "action": "RegisterScalableTarget", "parameters": {**target, **limits}}
    deregister = {
        "service": "application-auto-scaling",
        "action": "DeregisterScalableTarget",
        "parameters": target,
        "ignoreErrorCodesMatching": "ObjectNotFoundException",
    }
    return {
        "ServiceToken": "token",
        "InstallLatestAwsSdk": "false",
        "Create": json.dumps(register),
        "Update": json.dumps(register),
        "Delete": json.dumps(deregister),
    }


def systems(function: Path, peers: Peers) -> list[System]:
    """All columns, from left to right."""
    aws_cdk = peers.node_modules / "aws-cdk-lib"
    framework = aws_cdk / "custom-resources" / "lib" / "provider-framework" / "runtime" / "framework.js"
    handlers = aws_cdk / "custom-resource-handlers" / "dist" / "custom-resources"
    node = ["node", str(HERE / "runners" / "run.js")]
    modules = {"NODE_PATH": str(peers.node_modules)}
    python = [str(peers.python), str(HERE / "runners" / "run.py")]
    return [
        System("this project", "this project", Program("project", [str(function)]), has_ownership=True),
        System(
            "crhelper",
            f"crhelper {peers.crhelper}",
            Program("crhelper", [*python, str(HERE / "handlers" / "crhelper_handler.py"), "handler"]),
        ),
        System(
            "cfn-handler",
            f"cfn-handler {peers.cfn_handler}",
            Program("cfn-handler", [*python, str(HERE / "handlers" / "cfn_handler_handler.py"), "handler"]),
        ),
        System(
            "CDK Provider",
            f"CDK Provider {peers.aws_cdk}",
            Program(
                "framework",
                [*node, str(framework), "onEvent"],
                {**modules, "USER_ON_EVENT_FUNCTION_ARN": "arn:aws:lambda:us-east-1:111122223333:function:user"},
                _FRAMEWORK_SECONDS,
            ),
            Program("user", [*node, str(HERE / "handlers" / "on_event.js"), "handler"], modules),
            drops_port=True,
            # JavaScript's Number() of a missing property or of text is NaN, and our handler does not check it.
            handler_rows=frozenset({"4b", "4c"}),
        ),
        System(
            "AwsCustomResource",
            f"AwsCustomResource {peers.aws_cdk}",
            Program(
                "aws-custom-resource",
                [*node, str(handlers / "aws-custom-resource-handler" / "index.js"), "handler"],
                modules,
            ),
            resource_type="Custom::AWS",
            drops_port=True,
        ),
        System(
            "typed",
            f"typed lambda_runtime {peers.lambda_runtime}",
            Program("typed", [str(peers.typed)]),
            # lambda_runtime has no code for answers. Our handler sends them with reqwest's defaults, and sets no time
            # limit. In rows 4, 4b and 6, the runtime cannot read the request, and does not call our handler.
            handler_rows=frozenset({"3", "3b", "4c", "7", "7b", "8c", "20", "29", "30"}),
        ),
    ]
