"""The model that the endpoints of a run use, if the user names none: a public image, a tiny model, and a role.

The image is one of AWS's Deep Learning Containers. It has a server that answers `/ping`, and takes the model that
`HF_MODEL_ID` names from the Hugging Face Hub, so it needs no model data in S3:
https://github.com/aws/sagemaker-huggingface-inference-toolkit
"""

import time

from conformance import roles
from conformance.account import KINDS, PREFIX, Account, Kind, Reply, ask

IMAGE = "huggingface-pytorch-inference"
TAG = "2.6.0-transformers4.51.3-cpu-py312-ubuntu22.04"
HUB_MODEL = "hf-internal-testing/tiny-random-distilbert"
"""Random weights of less than a megabyte. No run invokes it."""
_TASK = "text-classification"

# https://github.com/aws/deep-learning-containers/blob/master/available_images.md. It also names a registry for the
# Regions in China, whose endpoints cannot rely on the Hub.
_REGISTRY = "763104351884"
_REGISTRIES = {
    **dict.fromkeys(
        (
            *("us-east-1", "us-east-2", "us-west-1", "us-west-2", "ca-central-1", "sa-east-1"),
            *("eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3"),
            *("ap-northeast-1", "ap-northeast-2", "ap-south-1", "ap-southeast-1", "ap-southeast-2"),
        ),
        _REGISTRY,
    ),
    "af-south-1": "626614931356",
    "ap-east-1": "871362719292",
    "ap-northeast-3": "364406365360",
    "ap-southeast-3": "907027046896",
    "eu-south-1": "692866216735",
    "me-central-1": "914824155844",
    "me-south-1": "217643126080",
}
_LOCAL_ROLE = "arn:aws:iam::111122223333:role/local"
_ROLE_SECONDS = 120.0


def has_image(region: str) -> bool:
    """Whether a model can be made in this Region."""
    return region in _REGISTRIES


def make(account: Account, name: str, tags: list[dict[str, str]]) -> Reply:
    """Makes the model and its role. The local AWS needs neither."""
    if account.is_local:
        return Reply({})
    role = roles.make(account, name, {"Principal": {"Service": "sagemaker.amazonaws.com"}}, permissions(account), tags)
    container = {"Image": _image(account.region), "Environment": {"HF_MODEL_ID": HUB_MODEL, "HF_TASK": _TASK}}
    # A new role takes some time to become effective:
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency
    deadline = time.monotonic() + _ROLE_SECONDS
    while True:
        create = account.sagemaker.create_model
        reply = ask(create, ModelName=name, PrimaryContainer=container, ExecutionRoleArn=role, Tags=tags)
        if "role" not in reply.message.lower() or time.monotonic() > deadline:
            return reply
        time.sleep(account.pause)


def role_of(account: Account, model: str) -> str:
    """The role that SageMaker assumes for a model."""
    if account.is_local:
        return _LOCAL_ROLE
    return str(account.sagemaker.describe_model(ModelName=model)["ExecutionRoleArn"])


def _image(region: str) -> str:
    return f"{_REGISTRIES[region]}.dkr.ecr.{region}.amazonaws.com/{IMAGE}:{TAG}"


def permissions(account: Account) -> list[roles.Statement]:
    """What the role may do: pull the image, and read the alarm that rolls a deployment back. It may write no log.

    https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html,
    https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-configuration.html
    """
    pull = ("BatchCheckLayerAvailability", "BatchGetImage", "GetDownloadUrlForLayer")
    repository = f"arn:aws:ecr:{account.region}:{_REGISTRIES[account.region]}:repository/{IMAGE}"
    alarms = f"arn:aws:cloudwatch:{account.region}:{account.account_id()}:alarm:{PREFIX}*"
    return [
        {"Effect": "Allow", "Action": [f"ecr:{action}" for action in pull], "Resource": repository},
        {"Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*"},
        {"Effect": "Allow", "Action": "cloudwatch:DescribeAlarms", "Resource": alarms},
    ]


def _names(account: Account, prefix: str) -> list[str]:
    found = account.all(account.sagemaker, "list_models", "Models", NameContains=prefix)
    return [model["ModelName"] for model in found if account.is_ours(model, "Model", prefix)]


def _delete(account: Account, name: str) -> object:
    return account.sagemaker.delete_model(ModelName=name)


KINDS.insert(0, Kind("model", _names, _delete))
