"""AWS behind a rate limit: a rate of calls and a burst after a pause. Other calls are throttled."""

import json
import time
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from bench.scale.http_server import Reply, Request

RATE = 10.0
BURST = 20.0
_JSON = {"Content-Type": "application/x-amz-json-1.1"}
_XML = {"Content-Type": "text/xml"}
# https://docs.aws.amazon.com/autoscaling/application/APIReference/CommonErrors.html; the message as in
# https://github.com/hashicorp/terraform-provider-aws/issues/31447
_THROTTLED = Reply(400, b'{"__type":"ThrottlingException","message":"Rate exceeded"}', _JSON)
# https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/CommonErrors.html
_THROTTLED_QUERY = Reply(
    400,
    b'<ErrorResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><Error><Type>Sender</Type>'
    b"<Code>Throttling</Code><Message>Rate exceeded</Message></Error><RequestId>r</RequestId></ErrorResponse>",
    _XML,
)


@dataclass
class Limit:
    """A token bucket, with its counts."""

    tokens: float = BURST
    filled: float = 0.0
    taken: int = 0
    refused: int = 0

    def takes(self, now: float) -> bool:
        """Whether a call is accepted."""
        self.tokens = min(BURST, self.tokens + (now - self.filled) * RATE)
        self.filled = now
        if self.tokens < 1:
            self.refused += 1
            return False
        self.tokens -= 1
        self.taken += 1
        return True


@dataclass
class Services:
    """Application Auto Scaling and SageMaker, which share one limit, and CloudFormation, which has its own."""

    began: float = field(default_factory=time.monotonic)
    api: Limit = field(default_factory=Limit)
    cloudformation: Limit = field(default_factory=Limit)
    registered: list[str] = field(default_factory=list)

    async def serve(self, request: Request) -> Reply:
        """Answers one call."""
        now = time.monotonic() - self.began
        operation = request.headers.get("x-amz-target", "").rpartition(".")[2]
        if not operation:
            return self._describe_stack_resource(request) if self.cloudformation.takes(now) else _THROTTLED_QUERY
        if not self.api.takes(now):
            return _THROTTLED
        operations = {
            "DescribeEndpoint": self._describe_endpoint,
            "RegisterScalableTarget": self._register_scalable_target,
        }
        return Reply(200, json.dumps(operations[operation](json.loads(request.body))).encode(), _JSON)

    def _describe_endpoint(self, given: dict[str, str]) -> dict[str, object]:
        return {
            "EndpointName": given["EndpointName"],
            "EndpointConfigName": "config",
            "EndpointStatus": "InService",
            "ProductionVariants": [{"VariantName": "blue", "CurrentInstanceCount": 1, "DesiredInstanceCount": 1}],
        }

    def _register_scalable_target(self, given: dict[str, str]) -> dict[str, object]:
        self.registered.append(given["ResourceId"])
        number = f"{len(self.registered):032x}"
        return {"ScalableTargetARN": f"arn:aws:application-autoscaling:us-east-1:111122223333:scalable-target/{number}"}

    def _describe_stack_resource(self, request: Request) -> Reply:
        [logical_id] = parse_qs(request.body.decode())["LogicalResourceId"]
        since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - (time.monotonic() - self.began)))
        return Reply(200, _RECORD.format(logical_id=logical_id, since=since).encode(), _XML)


_RECORD = (
    '<DescribeStackResourceResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/">'
    "<DescribeStackResourceResult><StackResourceDetail><LogicalResourceId>{logical_id}</LogicalResourceId>"
    "<ResourceStatus>CREATE_IN_PROGRESS</ResourceStatus><LastUpdatedTimestamp>{since}</LastUpdatedTimestamp>"
    "</StackResourceDetail></DescribeStackResourceResult></DescribeStackResourceResponse>"
)
