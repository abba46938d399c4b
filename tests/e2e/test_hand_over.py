"""A request that outlasts an invocation, in a stack: the function invokes itself with its own role and continues."""

import unittest

from demo.endpoints import INSTANCES
from demo.package import archive
from demo.stacks import example, function_template
from support import StackTestCase, programs

_ENDPOINT, _VARIANT = "slow", "blue"
_ENDPOINT_SECONDS = 20
_TIMEOUT_SECONDS = 8


class HandOver(StackTestCase):
    """A function whose invocations are shorter than an endpoint takes."""

    def test_a_stack_waits_for_its_endpoint_through_several_invocations(self) -> None:
        template = function_template(self.world.stacks.upload(archive(programs().function)))
        assert template.count("Timeout: !Ref Timeout") == 1
        brief = template.replace("Timeout: !Ref Timeout", f"Timeout: {_TIMEOUT_SECONDS}")
        deployed = self.world.stacks.create("brief", brief, ExportName="brief")
        self.assertEqual(deployed.status, "CREATE_COMPLETE", deployed.failures())
        variant = {"VariantName": _VARIANT, "ModelName": "model", **INSTANCES}
        config = {"EndpointConfigName": _ENDPOINT, "ProductionVariants": [variant]}
        self.world.local_aws.call("SageMaker.CreateEndpointConfig", **config)
        self.world.local_aws.call("LocalAws.SetEndpointTakes", Seconds=_ENDPOINT_SECONDS)
        self.world.local_aws.call("SageMaker.CreateEndpoint", EndpointName=_ENDPOINT, EndpointConfigName=_ENDPOINT)
        self.world.news()

        parameters = {"EndpointName": _ENDPOINT, "VariantName": _VARIANT, "ExportName": "brief"}
        created = self.world.stacks.create("scaling", example("minimal"), **parameters)
        self.assertEqual(created.status, "CREATE_COMPLETE", created.failures())
        self.assertEqual([target["MinCapacity"] for target in self.world.targets()], [1])

        news = self.world.news()
        self.assertEqual(sum("Request" in entry for entry in news), 1, "CloudFormation has sent one request")
        self.assertEqual(sum("Answer" in entry for entry in news), 1, "and got one answer")
        continued = [entry["Continuation"]["Invocation"] for entry in news if "Continuation" in entry]
        self.assertEqual(continued, list(range(2, len(continued) + 2)))
        self.assertGreaterEqual(len(continued), 3)

        lines = list(self.world.stacks.log_lines(deployed.outputs["LogGroupName"]))
        messages = [line["message"] for line in lines]
        self.assertEqual(messages.count("handed over to another invocation"), len(continued))
        self.assertTrue(any(message.endswith(", invocation 3") for message in messages), messages)
        [summary] = [line for line in lines if line["message"] == "request finished"]
        self.assertEqual((summary["outcome"], summary["invocation"]), ("SUCCESS", len(continued) + 1))
        self.assertNotIn("X-Amz-Signature", str(lines))

        queue = deployed.outputs["UnansweredRequestsUrl"]
        # Version 1 of the CLI prefers its own addresses of SQS to those in the environment.
        sqs = f"aws sqs --endpoint-url {self.world.environment['AWS_ENDPOINT_URL']}"
        received = self.world.cli.run(f"{sqs} receive-message --queue-url {queue}")
        self.assertFalse(received, "no request is in the queue of unanswered requests")


if __name__ == "__main__":
    unittest.main()
