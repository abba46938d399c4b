"""The limit accepts calls at its rate, and refuses others as AWS does."""

import asyncio
import json
import unittest

from bench.scale.http_server import Reply, Request
from bench.scale.services import BURST, Limit, Services


class LimitTest(unittest.TestCase):
    """The rate limit."""

    def test_a_burst_is_let_through_at_once_and_no_more(self) -> None:
        limit = Limit()
        self.assertEqual([limit.takes(0) for _ in range(22)], [True] * 20 + [False] * 2)
        self.assertEqual((limit.taken, limit.refused), (20, 2))

    def test_ten_a_second_are_let_through_after_it(self) -> None:
        limit = Limit()
        for _ in range(20):
            limit.takes(0)
        self.assertEqual(sum(limit.takes(step / 16) for step in range(1, 81)), 50)

    def test_a_long_pause_is_worth_no_more_than_a_burst(self) -> None:
        limit = Limit()
        limit.takes(0)
        self.assertEqual(sum(limit.takes(3600) for _ in range(30)), BURST)


class ServicesTest(unittest.TestCase):
    """The services behind the limit."""

    def test_each_service_says_throttled_in_its_own_protocol(self) -> None:
        services = Services()
        services.api.tokens = services.cloudformation.tokens = -1e9
        target = {"x-amz-target": "AnyScaleFrontendService.RegisterScalableTarget"}
        throttled = call(services, Request("POST", "/", target, b"{}"))
        self.assertEqual((throttled.status, json.loads(throttled.body)["__type"]), (400, "ThrottlingException"))
        throttled = call(services, Request("POST", "/", {}, b"Action=DescribeStackResource"))
        self.assertEqual(throttled.status, 400)
        self.assertIn(b"<Code>Throttling</Code>", throttled.body)
        self.assertEqual(services.registered, [])


def call(services: Services, request: Request) -> Reply:
    """Serves one request."""
    return asyncio.run(services.serve(request))


if __name__ == "__main__":
    unittest.main()
