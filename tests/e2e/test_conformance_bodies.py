"""What `make conformance RECORD=yes` keeps: the redaction, the files, and that conformance/bodies is current."""

import base64
import contextlib
import io
import json
import random
import re
import string
import tempfile
import unittest
import uuid
from pathlib import Path
from typing import Any
from unittest import mock

from conformance import local, record
from conformance.__main__ import main
from conformance.account import PREFIX
from conformance.record import LOCAL_AWS, Exchange, Recorder, called_operations, parsed, recorded
from conformance.redaction import ACCOUNT, redacted
from demo.stage import Stage
from support import programs

SEED = 22
ROUNDS = 300
KEPT: dict[str, Any] = {
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    "ResourceId": f"endpoint/{PREFIX}00000000/variant/blue",
    "Schedule": "cron(0 18 * * ? *)",
    "Timezone": "America/Argentina/Buenos_Aires",
    "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance",
    "InstanceType": "ml.m5.large",
    "Message": "The scalable target that you tried to tag already exists.",
    "SuspendedState": {"DynamicScalingInSuspended": False},
    "Role": f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/sagemaker.application-autoscaling.amazonaws.com/AWSService",
    "None": None,
}
"""The members that the redaction has to keep."""
FORBIDDEN = {
    "the id of an account": rf"(?<!\w)(?!{ACCOUNT})\d{{12}}(?!\w)",
    "an access key": r"\bA[A-Z]{3}[A-Z0-9]{12,}\b",
    "a signature": r"(?i)signature=|x-amz-[\w-]+=",
    "a URL with a query": r"https?://[^\"\s]*\?",
    "a host of AWS": r"(?<!\.application-autoscaling)\.amazonaws\.com",
    "a token": r"(?<![A-Za-z0-9+=])(?!0{36})(?=[A-Za-z+=]*\d)[A-Za-z0-9+=]{32,}",
    "an address": r"[\w.]+@[\w-]+\.|\b\d{1,3}(\.\d{1,3}){3}\b(?<!192\.0\.2\.1)",
}


class Secrets:
    """Random secrets of all kinds."""

    def __init__(self, randoms: random.Random) -> None:
        self.random = randoms

    def of(self, letters: str, count: int) -> str:
        """Some of these letters."""
        return "".join(self.random.choices(letters, k=count))

    def one(self) -> tuple[str, str]:
        """A text, and the part of it that is secret."""
        kinds = (self.account, self.key, self.token, self.signature, self.url, self.id, self.person, self.host)
        return self.random.choice(kinds)()

    def account(self) -> tuple[str, str]:
        """The id of an account, in an ARN or alone."""
        account = self.of(string.digits[1:], 12)
        forms = (f"arn:aws:sagemaker:us-east-1:{account}:endpoint/e", account, f"in account {account}.", f"b-{account}")
        return self.random.choice(forms), account

    def key(self) -> tuple[str, str]:
        """An access key, or its id."""
        key_id = self.random.choice(("AKIA", "ASIA", "AROA")) + self.of(string.ascii_uppercase + string.digits, 16)
        secret = self.of(string.ascii_letters + string.digits + "+/", 34) + "aB3aB3"
        return self.random.choice(((f"with the key {key_id}", key_id), (secret, secret)))

    def token(self) -> tuple[str, str]:
        """A token of a session, or of a page."""
        token = base64.b64encode(self.random.randbytes(self.random.randint(45, 200))).decode() + "aB3"
        return self.random.choice((token, f"the token {token} is invalid")), token

    def signature(self) -> tuple[str, str]:
        """A signature, in the header of a request or in a canonical request."""
        signature = self.of("0123456789abcdef", 64)
        forms = (f"AWS4-HMAC-SHA256 SignedHeaders=host, Signature={signature}", f"expected '{signature}'", signature)
        return self.random.choice(forms), signature

    def url(self) -> tuple[str, str]:
        """A URL with a signed query."""
        query = f"X-Amz-Security-Token={self.of(string.ascii_letters, 30)}&X-Amz-Expires=7200"
        return (
            f"see https://{self.of(string.ascii_lowercase, 8)}.s3.amazonaws.com/{self.of('abc', 3)}?{query} now",
            query,
        )

    def id(self) -> tuple[str, str]:
        """The id of a request, or of a target."""
        new = str(uuid.UUID(int=self.random.getrandbits(128)))
        target = self.of(string.ascii_lowercase + string.digits, 36)
        arn = f"arn:aws:application-autoscaling:us-east-1:{ACCOUNT}:scalable-target/{target}"
        return self.random.choice(((f"request {new} failed", new), (arn, target)))

    def person(self) -> tuple[str, str]:
        """The name of a user, in an ARN or in an address."""
        name = self.of(string.ascii_lowercase, 12)
        forms = (
            f"User: arn:aws:sts::{ACCOUNT}:assumed-role/{name}/{name} is not authorized",
            f"arn:aws:iam::{ACCOUNT}:user/{name}",
            f"ask {name}@example.com",
        )
        return self.random.choice(forms), name

    def host(self) -> tuple[str, str]:
        """The name or the address of a host."""
        name = self.of(string.ascii_lowercase, 10)
        host = f"{name}.dkr.ecr.us-east-1.amazonaws.com"
        address = ".".join(str(self.random.randint(1, 254)) for _ in range(4))
        return self.random.choice(((f"{host}/image", host), (f"from {address}", address)))


def planted(randoms: random.Random, secret: str, depth: int = 0) -> Any:
    """A random body with a secret in it."""
    around: Any = randoms.choice((dict(KEPT), [dict(KEPT)], list(KEPT.values()), {}))
    inner = secret if depth > 3 or randoms.random() < 0.4 else planted(randoms, secret, depth + 1)
    if isinstance(around, list):
        around.insert(randoms.randint(0, len(around)), inner)
    else:
        around["Inner" if inner is not secret or randoms.random() < 0.8 else secret] = inner
    return around


class Redaction(unittest.TestCase):
    """The redaction of a body."""

    def test_no_secret_is_left_wherever_it_is(self) -> None:
        randoms = random.Random(SEED)
        secrets = Secrets(randoms)
        for _ in range(ROUNDS):
            text, secret = secrets.one()
            body = planted(randoms, text)
            left = json.dumps(redacted(body))
            with self.subTest(secret=secret, text=text):
                self.assertNotIn(secret, left)
                self.assertEqual(redacted(json.loads(left)), json.loads(left))

    def test_no_secret_is_left_in_xml(self) -> None:
        secrets = Secrets(random.Random(SEED))
        for _ in range(ROUNDS):
            text, secret = secrets.one()
            self.assertNotIn(secret, redacted(f"<Reply><Message>{text}</Message></Reply>"))

    def test_a_member_whose_name_tells_of_a_secret_has_none(self) -> None:
        for name in ("NextToken", "SecretAccessKey", "SessionToken", "Password", "x-amzn-RequestId", "ModelName"):
            self.assertEqual(redacted({name: "a b"}), {name: "REDACTED"})
        self.assertEqual(redacted({"Credentials": {"Any": ["a b"]}}), {"Credentials": {"Any": ["REDACTED"]}})

    def test_everything_else_stays(self) -> None:
        self.assertEqual(redacted(KEPT), KEPT)
        numbers = parsed('{"MinCapacity": 1, "TargetValue": 7.5E1, "TimeoutInSeconds": 60}')
        self.assertEqual(redacted(numbers), numbers)

    def test_times_are_fixed_and_keep_their_form(self) -> None:
        body = parsed('{"CreationTime": 1.750000001E9, "StartTime": 1750000001.5, "EndTime": 1750000001}')
        times = {"CreationTime": "1.7672256E9", "StartTime": "1767225600.123", "EndTime": "1767225600"}
        self.assertEqual(redacted(body), times)
        self.assertEqual(redacted("until 2026-05-05T10:00:00.000Z"), "until 2026-01-01T00:00:00Z")


class Recording(unittest.TestCase):
    """The files of a run."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.bodies = Path(folder.name, "bodies")
        patched = mock.patch.object(record, "BODIES", self.bodies)
        patched.start()
        self.addCleanup(patched.stop)

    def exchange(self, **given: Any) -> Exchange:
        """An exchange of a run."""
        fields: dict[str, Any] = {
            "service": "application-autoscaling",
            "operation": "DescribeScalableTargets",
            "request": {"ResourceIds": [f"endpoint/{PREFIX}0a1b2c3d/variant/blue"]},
            "status": 200,
            "headers": {},
            "response": {"ScalableTargets": []},
            "code": "",
            "message": "",
        }
        return Exchange(**{**fields, **given})

    def saved(self, source: str, *exchanges: Exchange) -> list[str]:
        """The names of the files that a run writes."""
        recorder = Recorder(source)
        for exchange in exchanges:
            recorder.keep(exchange)
        return recorder.save()

    def test_the_longest_reply_of_each_kind_is_kept(self) -> None:
        target = {"ResourceId": f"endpoint/{PREFIX}0a1b2c3d/variant/blue"}
        full = self.exchange(response={"ScalableTargets": [target]})
        error = self.exchange(status=400, response={}, code="ValidationException")
        exists = self.exchange(status=400, response={}, code="ValidationException", message="it already exists")
        names = self.saved(LOCAL_AWS, self.exchange(), full, self.exchange(), error, exists)
        kinds = ("", ".ValidationException", ".ValidationException.already-exists")
        self.assertEqual(names, sorted(f"application-autoscaling.DescribeScalableTargets{kind}.json" for kind in kinds))
        [kept] = recorded()["application-autoscaling.DescribeScalableTargets.json"]["response"]["ScalableTargets"]
        self.assertEqual(kept, {"ResourceId": f"endpoint/{PREFIX}00000000/variant/blue"})

    def test_nothing_of_others_is_kept(self) -> None:
        of_others = {"ScalableTargets": [{"ResourceId": "endpoint/prod/variant/blue"}]}
        for exchange in (
            self.exchange(request={"ServiceNamespace": "sagemaker"}),
            self.exchange(response=of_others),
            self.exchange(operation="CreateEndpoint", service="sagemaker"),
        ):
            self.assertEqual(self.saved(LOCAL_AWS, exchange), [])

    def test_what_came_from_aws_stays_until_aws_is_recorded_again(self) -> None:
        [name] = self.saved("AWS, eu-west-1, 2026-12-01", self.exchange())
        self.assertEqual(self.saved(LOCAL_AWS, self.exchange()), [])
        self.assertEqual(recorded()[name]["from"], "AWS, eu-west-1, 2026-12-01")
        self.assertEqual(self.saved("AWS, eu-west-1, 2026-12-02", self.exchange()), [name])

    def test_numbers_are_kept_as_they_are_written(self) -> None:
        response = parsed('{"TargetValue": 7.50E1, "MinCapacity": 1, "CreationTime": 1.75E9}')
        [name] = self.saved(LOCAL_AWS, self.exchange(response=response))
        text = (self.bodies / name).read_text()
        for number in ('"TargetValue": 7.50E1', '"MinCapacity": 1', '"CreationTime": 1.7672256E9'):
            self.assertIn(number, text)

    def test_a_run_records_only_if_it_is_asked_and_the_committed_files_are_current(self) -> None:
        committed = {name: file for name, file in committed_files().items() if file["from"] == LOCAL_AWS}
        with Stage() as stage, contextlib.redirect_stdout(io.StringIO()):
            aws = stage.local_aws(programs().local_aws)
            with mock.patch.object(local, "main") as run:
                local.record(aws)
            arguments: list[str] = run.call_args.args[0]
            main([*arguments[:-2], "--only", "endpoint-missing"])
            self.assertFalse(self.bodies.exists())
            self.assertEqual(local.record(aws), 0)
        of_run = {name: file for name, file in recorded().items() if name in committed}
        self.assertEqual(of_run, committed, "run `make conformance-bodies`")
        self.assertLessEqual(recorded().keys(), committed_files().keys(), "run `make conformance-bodies`")


def committed_files() -> dict[str, dict[str, Any]]:
    """The files of conformance/bodies."""
    folder = Path(record.__file__).parent / "bodies"
    return {path.name: json.loads(path.read_text()) for path in sorted(folder.iterdir())}


class Committed(unittest.TestCase):
    """conformance/bodies."""

    def test_each_file_is_of_an_operation_of_the_function_and_tells_where_it_comes_from(self) -> None:
        files = committed_files()
        self.assertGreater(len(files), 20)
        for name, file in files.items():
            with self.subTest(name):
                self.assertIn((file["service"], file["operation"]), called_operations())
                self.assertTrue(name.startswith(f"{file['service']}.{file['operation']}."))
                self.assertRegex(file["from"], r"^local AWS$|^AWS, [a-z0-9-]+, \d{4}-\d\d-\d\d$")

    def test_no_file_has_a_secret(self) -> None:
        for name, file in committed_files().items():
            with self.subTest(name):
                self.assertEqual(forbidden(json.dumps(file)), [])
                self.assertEqual(redacted(file["response"]), file["response"])
                self.assertEqual(redacted(file["request"]), file["request"])

    def test_a_secret_in_a_file_is_found(self) -> None:
        secrets = Secrets(random.Random(SEED))
        for make in (secrets.account, secrets.key, secrets.token, secrets.signature, secrets.url, secrets.host):
            text, secret = make()
            with self.subTest(secret):
                self.assertNotEqual(forbidden(json.dumps({"response": {"Message": text}})), [])


def forbidden(text: str) -> list[str]:
    """The forbidden things that a file has."""
    return [what for what, pattern in FORBIDDEN.items() if re.search(pattern, text)]


if __name__ == "__main__":
    unittest.main()
