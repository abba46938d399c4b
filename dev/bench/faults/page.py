"""Writes docs/FAULTS.md from the verdicts."""

from collections.abc import Mapping, Sequence
from dataclasses import astuple

from bench.faults.judge import NO_OWNERSHIP, OUR_HANDLER, Verdict, tally
from bench.faults.peers import Peers
from bench.faults.scene import Row
from bench.faults.systems import System

Verdicts = Mapping[tuple[str, str], Verdict]

_PAGE = """\
# Faults, side by side

The same faults for this project and for five ways to write the same custom resource. Every cell is an observation: the
real programs ran, with the same stubs. `make bench-faults` runs everything and writes this page;
[dev/bench/faults/](../dev/bench/faults/README.md) says how it works. In addition to what the project needs, it needs
Node.js, npm and the openssl command. It takes six to ten minutes, and fails if this project has a bad cell.

## Summary

The number of rows, of {total}, by result:

| | OK or F | wrong answer | lost answer | lost target | with † | with ‡ | leak in a log | leak in an answer |
|---|---|---|---|---|---|---|---|---|
{summary}

The first four columns add up to {total}. Leaks are counted apart: a leak does not change how its row counts otherwise.

* **OK or F**: see the [legend](#legend); F counts here also where OK is right. **Wrong answer**: F! and S!.
* **Lost answer**: H and W. CloudFormation receives no answer that it accepts, or the answer goes to a wrong URL. If a
  row refuses every answer, an invocation that ends as an error is right: Lambda then delivers the request again.
* **Lost target**: L. A target of others is changed or removed, or a target stays registered and no request will delete
  it.
* **†**: our handler for the peer does not check who owns a target. Rows {ownership} test that. This project does
  it itself; the peers leave it to the handler. So the peer is not the cause.
* **‡**: the cause is another part of our handler. lambda_runtime has no code for answers, so most bad results of that
  system are our handler's. So are its leaks in the log: the errors of reqwest contain the URL.
* **Leak in a log**: at `DEBUG`, its default level, crhelper logs each request with its response URL. In row 20, the
  error text of the service has the signature. Every peer puts it into the answer, and most log it.

This project chose the rows, and is tested with all of them. The peers' authors chose none. The rows are not weighted:
the table does not say how often a fault happens.

| system | what ran |
|---|---|
{systems}

Each peer has a minimal handler of this project's own, as the peer's documentation shows one: it registers the target on
Create and Update, deregisters it on Delete, and treats a missing target as deleted. `AwsCustomResource` is configured
with `onCreate`, `onUpdate`, `onDelete`, a fixed physical id and `ignoreErrorCodesMatching`. All log at their default
level, which for crhelper is `DEBUG`.

## How a cell is played

* A small Lambda Runtime API runs each function in a process of its own, freezes it between invocations, and kills it at
  its time limit: 8 s; {longer}.
  The provider framework's own function has 45 s. In AWS, it has 15 minutes.
* With 8 s in rows 12, 25 and 26, this project would be out of time, and answer FAILED for that reason. If a target
  exists already, it waits up to 6 s, until every read shows who has registered it. Its template allows no time limit
  below 60 s.
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
| W | An answer was sent to a wrong URL. |
| L | Lost target: a target of others changed or removed, or a target that stays registered and that no request will delete. |
| † | At a row: it tests ownership. At a mark: the cause is that our handler for the peer does not check who owns a target. |
| ‡ | Another part of our handler is the cause, and not the peer. |
| leak | A secret was in a log or in an answer. |

`right` is the right behaviour. CloudFormation accepts at most 4096 bytes.

## Table

| # | fault | right | {titles} |
|---|---|---|{lines}
{rows}

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
        total=len(rows),
        summary="\n".join(_summary(column.title, [verdict for _, verdict in cells[column.name]]) for column in columns),
        longer=_longer(rows),
        ownership=_and([row.number for row in rows if row.expected.tests_ownership]),
        notes="\n\n".join(_notes(column.title, cells[column.name]) for column in columns),
    )


def _summary(title: str, verdicts: Sequence[Verdict]) -> str:
    return f"| {title} | {' | '.join(map(str, astuple(tally(verdicts))))} |"


def _longer(rows: Sequence[Row]) -> str:
    """The rows with a longer time limit."""
    by_limit: dict[float, list[str]] = {}
    for row in rows:
        if row.seconds:
            by_limit.setdefault(row.seconds, []).append(row.number)
    return "; ".join(
        f"{limit:g} s in row{'s' * (len(numbers) > 1)} {_and(numbers)}" for limit, numbers in by_limit.items()
    )


def _and(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _systems(columns: Sequence[System], peers: Peers) -> list[str]:
    what = {
        "this project": "`bootstrap`, as `cargo build` makes it",
        "crhelper": f"crhelper {peers.crhelper} and boto3 {peers.boto3}, from the Python registry",
        "cfn-handler": f"cfn-handler {peers.cfn_handler} and boto3 {peers.boto3}, from the Python registry",
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
    number = f"{row.number} {NO_OWNERSHIP}" if row.expected.tests_ownership else row.number
    return f"| {number} | {row.fault} | {row.right} | {cells} |"


_CAUSES = {
    "": "",
    NO_OWNERSHIP: "; our handler checks no owner",
    OUR_HANDLER: "; our handler is the cause",
}


def _notes(title: str, cells: Sequence[tuple[str, Verdict]]) -> str:
    notes: dict[str, list[str]] = {}
    for number, verdict in cells:
        if verdict.why:
            notes.setdefault(f"{verdict.mark}{verdict.ours}: {verdict.why}{_CAUSES[verdict.ours]}", []).append(number)
    lines = [f"* {', '.join(numbers)}: {note}." for note, numbers in notes.items()]
    leaks: dict[str, list[str]] = {}
    for number, verdict in cells:
        for leak in verdict.leaks:
            leaks.setdefault(leak, []).append(number)
    for leak, numbers in leaks.items():
        where = "every row" if len(numbers) == len(cells) else f"row{'s' * (len(numbers) > 1)} {', '.join(numbers)}"
        lines.append(f"* {where}: leak: {leak}.")
    return f"**{title}**\n\n" + ("\n".join(lines) or "No notes.")
