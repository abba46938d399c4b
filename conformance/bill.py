"""What a run makes on AWS, how long that takes, and what it costs at most."""

import math
from collections.abc import Sequence

from conformance import models
from conformance.account import PARAMETERS
from conformance.check import CHECKS, WITHOUT_ENDPOINT, Stage
from conformance.run import needed_stages
from conformance.scene import BURSTABLE, OTHER, SMALL

CONFIGS = 14
"""The most endpoint configurations that a run makes. A test counts them."""
_PRICING = "https://aws.amazon.com/sagemaker/pricing/"
_USD_AN_HOUR = 0.12
_INSTANCES = 2
_ELSEWHERE = 2
_SHORT_MINUTES = 5
_MINUTES = {
    Stage.NO_ENDPOINT: 1,
    Stage.STACKS: 20,
    Stage.CREATING: 10,
    Stage.IN_SERVICE: 10,
    Stage.UPDATING: 10,
    Stage.SHIFTING: 30,
    Stage.BURSTABLE: 10,
    Stage.POOLS: 15,
    Stage.LAST: 10,
    Stage.SERVERLESS: 20,
    Stage.COMPONENT: 25,
}
_OF_MISSING = [
    "1 scalable target of an endpoint that does not exist, but only if AWS accepts what it is expected to refuse"
]
_MAYBE_TARGETS = ("register-missing", "policy-without-target")
_PARAMETER = [f"1 parameter below {PARAMETERS}"]
_STACKS = [
    "1 Lambda function with a role in IAM and a log group, in a stack of its own; the role allows the function to read",
    "  these stacks, and to write its log and parameters",
    "up to 8 stacks with custom resources, which the function answers, and up to 100 parameters with its records",
]
_MODEL = [
    f"1 SageMaker model: AWS's public image {models.IMAGE},",
    f"  which loads {models.HUB_MODEL} (random weights) from the Hugging Face Hub",
    "1 IAM role of the model, which may pull this image, and read alarms of this prefix",
]
_ENDPOINT = [f"1 endpoint with one {SMALL}, and during each update or scaling a second one"]
_BURSTABLE = [f"  for one update, also one {BURSTABLE}"]
_SERVERLESS = ["then 1 serverless endpoint with 3 GB of memory and a provisioned concurrency of 1"]
_COMPONENT = [f"then 1 endpoint with one {SMALL}, and 1 inference component on it"]
_OF_EACH = [
    f"up to {CONFIGS} endpoint configurations; AWS is expected to refuse updates to {OTHER}",
    "up to 2 scalable targets at a time, with scheduled actions and up to 50 scaling policies; AWS makes CloudWatch",
    "  alarms for a target tracking policy, and deletes them with it",
]
_ALARM = ["1 CloudWatch alarm, which only rolls back one update of the endpoint"]
_ROLES = [
    "2 IAM roles with what template.yaml grants for scaling, which only somebody with a secret of the run can assume"
]
_RATES = ["no resource, but 40 read-only calls within two seconds, to find out whether AWS throttles them"]
_COST_OF_STACKS = """\
The stacks cost less than 0.01 USD: 500 seconds of a function with 256 MB, at 0.0000167 USD for a GB-second (us-east-1,
noted on 2026-11-30, not read from AWS)."""
_MORE_MINUTES = {"activity-order": 20, "permission-probe": 5}


def bill(beliefs: Sequence[str], model: str) -> str:
    """The text that is shown before anything is made."""
    stages = needed_stages(beliefs)
    minutes = sum(_MINUTES[stage] for stage in stages) + sum(_MORE_MINUTES.get(belief, 0) for belief in beliefs)
    lines = _made(beliefs, stages, model)
    made = "It makes these resources, and deletes them in every case:\n  " + "\n  ".join(lines)
    cost = _cost(minutes) if needs_instance(beliefs) else f"It takes about {max(minutes, _SHORT_MINUTES)} minutes."
    of_stacks = [_COST_OF_STACKS] if Stage.STACKS in stages else []
    free = ["It costs nothing."] if not of_stacks and not needs_instance(beliefs) else []
    return "\n".join([made, cost, *of_stacks, *free])


def needs_instance(beliefs: Sequence[str]) -> bool:
    """Whether the checks of these beliefs need an endpoint, and so a model."""
    return any(CHECKS[belief].stage not in WITHOUT_ENDPOINT for belief in beliefs)


def _made(beliefs: Sequence[str], stages: Sequence[Stage], model: str) -> list[str]:
    needs_model = needs_instance(beliefs)
    parts = (
        ("parameter-visible" in beliefs, _PARAMETER),
        (any(belief in beliefs for belief in _MAYBE_TARGETS), _OF_MISSING),
        (Stage.STACKS in stages, _STACKS),
        (needs_model and not model, _MODEL),
        (Stage.CREATING in stages, _ENDPOINT),
        (Stage.BURSTABLE in stages, _BURSTABLE),
        (Stage.SERVERLESS in stages, _SERVERLESS),
        (Stage.COMPONENT in stages, _COMPONENT),
        (needs_model, _OF_EACH),
        ("guardrails-shift" in beliefs, _ALARM),
        ("permission-probe" in beliefs, _ROLES),
        ("request-rates" in beliefs, _RATES),
    )
    return [line for is_made, lines in parts if is_made for line in lines] or ["none"]


def _cost(minutes: int) -> str:
    an_hour = _INSTANCES * _USD_AN_HOUR * _ELSEWHERE
    highest = math.ceil(minutes / 60 * an_hour * 10) / 10
    return f"""\
It takes about {minutes} minutes, and costs less than {highest:.2f} USD: {_INSTANCES} times {SMALL} all the time, at \
{_USD_AN_HOUR} USD an hour (us-east-1,
noted on 2026-11-30, not read from AWS), and at most twice as much elsewhere. The serverless endpoint counts as one of
them. See {_PRICING}.
If AWS accepts an update that it is expected to refuse, that instance also runs for some minutes.
If AWS is slow, it takes longer, and each hour more costs at most {an_hour:.2f} USD."""
