"""Writes docs/FAULTS.md from the verdicts."""

from collections.abc import Mapping, Sequence

from bench.faults.judge import GOOD, Verdict
from bench.faults.peers import Peers
from bench.faults.scene import Row
from bench.faults.systems import System

Verdicts = Mapping[tuple[str, str], Verdict]

_PAGE = """\
# Faults, side by side

The same faults for this project and for four ways to write the same custom resource. Every cell is an observation: the
real programs ran, with the same stubs. `make bench-faults` runs everything and writes this page;
[dev/bench/faults/](../dev/bench/faults/README.md) says how it works. In addition to what the project needs, it needs
Node.js, npm and the openssl command. It takes about five minutes, and fails if this project has a bad cell.

| system | what ran |
|---|---|
{systems}

Each peer has a minimal handler of this project's own, as the peer's documentation shows one: it registers the target on
Create and Update, deregisters it on Delete, and treats a missing target as deleted. `AwsCustomResource` is configured
with `onCreate`, `onUpdate`, `onDelete`, a fixed physical id and `ignoreErrorCodesMatching`. All log at their default
level, which for crhelper is `DEBUG`.

## How a cell is played

* A small Lambda Runtime API runs each function in a process of its own, freezes it between invocations, and kills it at
  its time limit: 8 s; 25 s in row 8c; 45 s for the provider framework's own function, which in AWS has 15 minutes.
* If an invocation ends as an error, is killed, or its process ends, the harness delivers the request once more, at
  once. Lambda's asynchronous retry does so after a minute. Every system gets two deliveries. `(2nd)` marks a result of
  the second delivery. In AWS, the request would then go to a dead-letter queue.
* After a Create that was answered with FAILED, the harness sends the Delete that CloudFormation would send, without
  faults, with the id of that answer.
* Answers go to a receiver with TLS on `localhost`. Application Auto Scaling and SageMaker are this repository's local
  AWS, behind a proxy that injects the faults. After each cell, the harness reads targets, tags and policies from it.
* The harness searches the output of each process, its errors to Lambda, and its answers for secrets: the signature of
  the response URL, the secret key, the session token.

The runner gives each peer the certificate's authority in `SSL_CERT_FILE` and `NODE_EXTRA_CA_CERTS`, and the services'
addresses in `AWS_ENDPOINT_URL_*`. The CDK's handlers ignore the port of the response URL, which in AWS is 443. So the
runner sets the default port of Node's `https.globalAgent` to the receiver's. No file of a peer is changed. The provider
framework invokes its user's function through a stub of Lambda's API.

## Legend

| | |
|---|---|
| OK | A true SUCCESS. If there is no response URL, or no answer is ever accepted: the invocation ended as an error, so that Lambda's retry and the dead-letter queue get the request. |
| F | A true FAILED, with a good id and a reason that names the cause. The notes below say whether it should have succeeded, or tried only once. |
| F! | FAILED with a bad id, or with a reason that is useless or has a secret; or FAILED although the work was done; or the Delete that follows fails. |
| H | Hang: no answer that CloudFormation accepts. The stack waits for its timeout. |
| S! | SUCCESS for work that was not done, or for a request that had to be refused. |
| L | Loss: a target of others changed or removed, an orphaned target, or an answer to a wrong URL. |
| leak | A secret was in a log or in an answer. |

`right` is the right behaviour. CloudFormation accepts at most 4096 bytes.

## Table

| # | fault | right | {titles} |
|---|---|---|{lines}
{rows}

Good cells (`OK` or `F`, no leak): {counts}.

The same, leaks ignored: {marks}.

## What was observed

{notes}
"""


def write(rows: Sequence[Row], columns: Sequence[System], verdicts: Verdicts, peers: Peers) -> str:
    """Returns the page. It depends on the verdicts only."""
    cells = {column.name: [(row.number, verdicts[row.number, column.name]) for row in rows] for column in columns}
    return _PAGE.format(
        systems="\n".join(_systems(columns, peers)),
        titles=" | ".join(column.title for column in columns),
        lines="---|" * len(columns),
        rows="\n".join(_line(row, columns, verdicts) for row in rows),
        counts=", ".join(
            f"{name} {sum(verdict.is_good for _, verdict in column)} of {len(column)}" for name, column in cells.items()
        ),
        marks=", ".join(
            f"{name} {sum(verdict.mark in GOOD for _, verdict in column)}" for name, column in cells.items()
        ),
        notes="\n\n".join(_notes(column.title, cells[column.name]) for column in columns),
    )


def _systems(columns: Sequence[System], peers: Peers) -> list[str]:
    what = {
        "this project": "`bootstrap`, as `cargo build` makes it",
        "crhelper": f"crhelper {peers.crhelper} and boto3 {peers.boto3}, from the Python registry",
        "CDK Provider": f"aws-cdk-lib {peers.aws_cdk}: `custom-resources/lib/provider-framework/runtime/framework.js`; "
        f"@aws-sdk/client-application-auto-scaling {peers.aws_sdk}",
        "AwsCustomResource": f"aws-cdk-lib {peers.aws_cdk}: "
        "`custom-resource-handlers/dist/custom-resources/aws-custom-resource-handler/index.js`; "
        f"@aws-sdk/client-application-auto-scaling {peers.aws_sdk}",
        "typed": f"lambda_runtime {peers.lambda_runtime} with aws_lambda_events {peers.aws_lambda_events}: "
        "`LambdaEvent<CloudFormationCustomResourceRequest<Properties, Properties>>`, the AWS SDK and reqwest",
    }
    return [f"| {column.title} | {what[column.name]} |" for column in columns]


def _line(row: Row, columns: Sequence[System], verdicts: Verdicts) -> str:
    cells = " | ".join(verdicts[row.number, column.name].cell() for column in columns)
    return f"| {row.number} | {row.fault} | {row.right} | {cells} |"


def _notes(title: str, cells: Sequence[tuple[str, Verdict]]) -> str:
    lines = [f"* {number}: {verdict.mark}: {verdict.why}." for number, verdict in cells if verdict.why]
    leaks: dict[str, list[str]] = {}
    for number, verdict in cells:
        for leak in verdict.leaks:
            leaks.setdefault(leak, []).append(number)
    for leak, numbers in leaks.items():
        where = "every row" if len(numbers) == len(cells) else f"row{'s' * (len(numbers) > 1)} {', '.join(numbers)}"
        lines.append(f"* {where}: leak: {leak}.")
    return f"**{title}**\n\n" + ("\n".join(lines) or "No notes.")
