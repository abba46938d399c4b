"""Calculates the cost of a stack's operations at Lambda's prices."""

import math

# https://aws.amazon.com/lambda/pricing/, us-east-1, without the free tier.
_GB_SECOND = {"arm64": 0.0000133334, "x86_64": 0.0000166667}
_REQUEST = 0.20 / 1_000_000

_SECTION = """\
## What it costs

Lambda bills INIT and invocation together, by the millisecond and by the configured memory, which is {memory} MB in
`template.yaml`. At us-east-1's prices of ${arm} (arm64) and ${x86} (x86_64) a GB-second, and $0.20 a
million requests, a thousand operations cost:

| a thousand | billed for each | arm64 | x86_64 |
|---|---|---|---|
| Creates of a target whose endpoint is ready, each a cold start | {ready} ms | ${ready_arm} | ${ready_x86} |
| Creates that wait five minutes for their endpoint | 300 s | ${waiting_arm} | ${waiting_x86} |

The time of the first is measured: {scenario}. The second consists almost entirely of waiting, with
one read every fifteen seconds.

Why {memory} MB: it is the smallest size of Lambda, and the function uses less than a tenth of it. Lambda bills time
times memory, and the time is the network's or SageMaker's. More memory comes with a larger share of the CPU, but it
would cost more and save almost nothing. Without a round trip, a cold invocation takes
{invocations}.
"""


def section(memory: int, milliseconds: float, scenario: str, invocations: dict[str, float]) -> str:
    """Returns the section for a memory size, the time of a cold Create, and its invocation's times by share of the CPU."""
    ready, waiting = math.ceil(milliseconds), 300_000
    return _SECTION.format(
        memory=memory,
        arm=f"{_GB_SECOND['arm64']:.10f}".rstrip("0"),
        x86=f"{_GB_SECOND['x86_64']:.10f}".rstrip("0"),
        ready=ready,
        ready_arm=_price(ready, memory, "arm64"),
        ready_x86=_price(ready, memory, "x86_64"),
        waiting_arm=_price(waiting, memory, "arm64"),
        waiting_x86=_price(waiting, memory, "x86_64"),
        scenario=scenario,
        invocations="; ".join(f"{taken:.0f} ms with {share}" for share, taken in invocations.items()),
    )


def _price(milliseconds: int, memory: int, architecture: str) -> str:
    thousand = 1000 * (milliseconds / 1000 * memory / 1024 * _GB_SECOND[architecture] + _REQUEST)
    return f"{thousand:.4f}" if thousand < 0.1 else f"{thousand:.2f}"
