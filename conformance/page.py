"""Writes docs/BELIEFS.md from the list: `make beliefs`."""

import textwrap
from collections.abc import Callable, Mapping, Sequence

from conformance.beliefs import ROOT, UNDOCUMENTED, Belief, Result, beliefs, citations, results, sources
from conformance.check import UNCHECKED, UNSEEN
from conformance.checks import CHECKS
from conformance.others import DIFFERS, Found, others

PAGE = ROOT / "docs" / "BELIEFS.md"
_WIDTH = 130
_HEAD = """\
# What this project believes about AWS

This project has not run on AWS yet, except where a row below says so. A *belief* is something that it assumes about AWS. Each
row of this page is a belief, with its source: AWS's documentation, a report by a user, or none (`undocumented`). The code cites
a row by its id. `make beliefs` writes the page from [conformance/beliefs.yaml](../conformance/beliefs.yaml).

[`make conformance`](#check-them-on-your-account) checks on your AWS account each row with `checks it`. `make test` runs the same
checks on the *local AWS*, the model of AWS in `local/aws`, with MiniStack for CloudFormation and Lambda. A row about something
that these lack is not applicable there.

A *target* is a scalable target. A *Create*, *Update* or *Delete* is a request of CloudFormation to this function. The *gate* is
`Custom::SageMakerEndpointUpdateGate`: it keeps a *snapshot* of each target that it deregisters, and restores the target from it
([UPDATES.md](UPDATES.md)). A *report* is the output of `make report` ([REPORT.md](REPORT.md)).

"""
_RUN = """\
## Check them on your account

```sh
make conformance REGION=us-east-1
```

The run uses your default AWS credentials. `ONLY="ID ID"` limits it to these rows. For the rows about CloudFormation and Lambda,
it creates stacks with custom resources, and a small function that answers and records their requests.

The endpoints need a SageMaker model. Without `MODEL`, the run makes one: AWS's public image `huggingface-pytorch-inference`,
which loads a tiny model of random weights from the Hugging Face Hub, and a role that may pull this image and read the alarm of
the run. AWS and Hugging Face document the image and the way it loads a model. Nobody has tried the two on AWS yet.

[AWS lists the registries of the image][images], but not for every Region. In another Region, or if endpoints cannot reach the
Hub, name your own model: `MODEL=my-model`. It must run on an `ml.m5.large` and on a serverless endpoint. For `guardrails-shift`,
its role must allow `cloudwatch:DescribeAlarms`. The run does not change the model. If the role of your model allows it,
SageMaker writes logs below `/aws/sagemaker/Endpoints/`. The run deletes them. Without a model, the run checks only the rows
that need no endpoint.

1. It prints the account, what it will make, how long that takes and what it costs at most. Then it asks. Answer `yes`, or
   set `CONFIRM=yes`. It does not run in CI.
2. All names begin with `sagemaker-scaling-conformance-`; those of parameters and log groups have a path before it. Everything
   is created with the tag `sagemaker-scaling-conformance`, including the resources of the stacks, but not scalable targets and
   what belongs to them. At most one endpoint exists at a time.
3. At its end, it deletes everything that it made, also after an error or Ctrl-C. If the process is killed, run
   `make conformance-clean REGION=us-east-1`. Both delete only what has the prefix and the tag, and what belongs to such endpoints
   and inference components: scalable targets, snapshots of the function, and log groups that SageMaker creates for them.
   `make conformance-clean` also deletes what a run that is under way has made. A run whose credentials expire cannot delete
   anything.
4. For a row that differs, it prints what that means for you and what the code does then. It writes the results to
   `conformance/results.json`, without the id of your account. `make beliefs` copies them to this page.

`make` prints the exit code of the run: 0 if each row holds or is not applicable, 1 if one differs or could not be checked, 2 if
nothing was done, and 130 after Ctrl-C. `make` itself ends with 2 for each of these but the first.

Your credentials need these permissions:

* `sagemaker:` the `Create`, `Update`, `Delete`, `Describe` and `List` actions of endpoints, their configurations, models and
  inference components, `AddTags` and `ListTags`;
* all of `application-autoscaling:`, and what [Application Auto Scaling checks for][checked] at a registration;
* `ssm:` `PutParameter`, `GetParameter`, `GetParametersByPath`, `DeleteParameter`, `AddTagsToResource` and
  `ListTagsForResource`;
* `iam:` `CreateRole`, `TagRole`, `PutRolePolicy`, `PassRole`, `ListRoles`, `ListRoleTags`, `ListRolePolicies`,
  `DeleteRolePolicy` and `DeleteRole`, below the path `/sagemaker-scaling-conformance/`; and `sts:AssumeRole` of these roles;
* `cloudwatch:` `PutMetricAlarm`, `DescribeAlarms`, `DeleteAlarms`, `TagResource` and `ListTagsForResource`;
* `cloudformation:` `CreateStack`, `UpdateStack`, `DeleteStack`, `DescribeStacks`, `DescribeStackEvents`,
  `DescribeStackResources`, `ListStackResources` and `TagResource`;
* `lambda:` `InvokeFunction`, `GetFunctionConfiguration` and `UpdateFunctionConfiguration`;
* `logs:` `DescribeLogGroups` and `DeleteLogGroup`.

Each run looks for all these resources when it cleans up. So it needs all `List` and `Describe` actions, even with `ONLY`.

CloudFormation creates the stack of the function with your permissions. So your credentials also need

* `iam:` `CreateRole`, `GetRole`, `DeleteRole`, `PutRolePolicy`, `GetRolePolicy`, `DeleteRolePolicy`, `ListRolePolicies`,
  `ListAttachedRolePolicies`, `TagRole` and `PassRole`;
* `lambda:` `CreateFunction`, `GetFunction`, `DeleteFunction`, `TagResource`, `GetFunctionCodeSigningConfig` and
  `GetRuntimeManagementConfig`;
* `logs:` `CreateLogGroup`, `DescribeLogGroups`, `DeleteLogGroup`, `PutRetentionPolicy`, `TagResource` and
  `ListTagsForResource`.

The [schemas of these resource types][types] name more actions. Those are for properties that the stack does not set.

### Deploy the examples

```sh
make package
make conformance REGION=us-east-1 ONLY=examples EXAMPLES="minimal endpoint-with-scaling"
```

This installs the function of `make package`, and deploys the [examples](../examples/README.md) one after the other. Without
`EXAMPLES`, it deploys all that can run in one account, except `instance-pools`, which needs GPU instances. It creates, updates
and deletes each stack. The update changes the instance type of an endpoint behind a gate; in a stack without an endpoint, it
changes the limits of the target. After each step, the run compares what AWS has registered with what the template declares. It
prints a line for each example: `holds`, `DIFFERS`, `unclear` if it could not be checked, or `n/a` with the reason. Confirmation,
exit codes and `make conformance-clean` work as for the rows.

* It makes its own endpoints, a bucket, and a tiny model for an image of AWS. With `MODEL=my-model`, it uses the image, the
  artifacts and the role of your model instead. That model needs a `ModelDataUrl`.
* The names of the stacks, the bucket, the endpoints and the export of the function begin with the prefix. So a function that you
  have installed stays as it is. CloudFormation names the other resources of the stacks, and deletes them with the stacks.
* The clean-up deletes the newest stack first, and empties its bucket before. If a custom resource cannot be deleted,
  CloudFormation retains it, and the clean-up deregisters its target.

Your credentials need permissions for all that the stacks make: stacks, roles, functions, queues, log groups, alarms, buckets, and
models, endpoints and inference components of SageMaker. To empty the bucket, they need `s3:` `ListBucket` and `DeleteObject`.

[types]: https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html
[images]: https://aws.github.io/deep-learning-containers/reference/available_images/
[checked]: https://docs.aws.amazon.com/autoscaling/application/userguide/security_iam_permission_validation.html
"""

_OTHERS = """\

## Check other implementations of AWS

```sh
make conformance-others
```

This runs the same checks on other open-source implementations of AWS, on your machine and without Docker. It writes
`conformance/others.json`; `make beliefs` copies the results to the columns with their names. None of them is AWS: where one
differs, the implementation or the row may be wrong. The section of the row shows what the implementation replied.

VERSIONS
* `holds`, `differs`: the check had a result.
* `unclear`: the check had no result. The implementation does not have an operation that the check calls, omits a member of a
  reply, does not reach the state that the check needs, such as an endpoint that is updated, or takes more than 20 seconds.
* An empty cell: no check of the row applies here, or the implementation does not have the service.

The checks of Application Auto Scaling use endpoints of the local AWS. `IMPLEMENTATIONS="moto awsim"` limits the run to these
two. moto and MiniStack come with the tools of `make test`. AWSim and winterbaume are Rust crates, which
[dev/others](../dev/others/src/main.rs) serves; their first build takes some minutes and needs the network. fakecloud is left
out because its licence is the AGPL.
"""
_SEND = """\

## Send the results of your account

```sh
make conformance REGION=us-east-1 MODEL=my-model RECORD=yes
```

With `RECORD=yes`, a run also writes `conformance/bodies`: for each operation that the function calls, and for each kind of
reply, one request and its reply. `tests/handler/recorded.rs` lets the function read each of them. The files in this
repository come from the local AWS, unless their `from` names a Region.

The run keeps only calls for its own resources. It replaces these parts by fixed values: ids of accounts, requests and
scalable targets, credentials, signatures, tokens, URLs, host names, addresses, names of users, roles, models and images, and
times. It finds them by rules, and may miss one.

1. Run `git add --intent-to-add conformance`, then read `git diff conformance`. It has all that you send: `results.json` and the
   files in `bodies`.
2. Run `cargo test --test handler recorded`. If it fails, the function does not read a reply of AWS correctly. Send its output,
   too.
3. Open a pull request with these files, or an issue that contains them.
"""


def page(
    rows: Sequence[Belief],
    found: Mapping[str, Result],
    cited: Mapping[str, Sequence[str]],
    checked: Mapping[str, object],
    elsewhere: Sequence[Found] = (),
) -> str:
    """The whole page."""
    parts = [_HEAD, _RUN, _others(elsewhere), _SEND]
    for about in dict.fromkeys(row.about for row in rows):
        of_service = [row for row in rows if row.about == about]
        ids = [row.id for row in of_service]
        of_others = {(item.implementation, item.belief): item for item in elsewhere if item.belief in ids}
        names = list(dict.fromkeys(name for name, _ in of_others))
        titles = ["row", "source", "`make conformance`", "last run on AWS", *names]
        parts += [f"\n## {about}\n\n| {' | '.join(titles)} |\n{'|---' * len(titles)}|\n"]
        for row in of_service:
            states = [_state(of_others.get((name, row.id))) for name in names]
            parts += [_line(row, found.get(row.id), row.id in checked, states)]
        for row in of_service:
            differing = [item for (_, name), item in of_others.items() if name == row.id and item.state == DIFFERS]
            parts += [_details(row, found.get(row.id), cited.get(row.id, ()), differing)]
    return "".join(parts)


def current() -> str:
    """The page that the list gives now."""
    return page(beliefs(), results(), citations(sources()), CHECKS, others())


def _others(elsewhere: Sequence[Found]) -> str:
    versions = dict.fromkeys(f"{item.implementation} {item.version}" for item in elsewhere)
    return _OTHERS.replace("VERSIONS", _wrapped(f"The last run was on {', '.join(versions) or 'none of them'}."))


def _state(item: Found | None) -> str:
    if not item:
        return ""
    return f"**{item.state}**" if item.state == DIFFERS else item.state


def _line(row: Belief, found: Result | None, is_checked: bool, states: Sequence[str]) -> str:
    source = UNDOCUMENTED if row.source == UNDOCUMENTED else f"[link]({row.source})"
    run = "not run yet"
    if found:
        run = f"{'holds' if found.holds else '**differs**'}, {found.region}, {found.date}"
    check = "checks it" if is_checked else "cannot" if row.id in UNCHECKED else "not yet"
    cells = [f"[{row.id}](#{row.id})", source, check, run, *states]
    return f"| {' | '.join(cells)} |\n"


def _details(row: Belief, found: Result | None, cited: Sequence[str], differing: Sequence[Found]) -> str:
    linked: Callable[[str], str] = lambda path: f"[{path}](../{path})"
    tests: dict[str, list[str]] = {}
    for test in row.tests:
        path, _, name = test.partition("::")
        tests.setdefault(path, []).append(name)
    named = [linked(path) + "".join(f" `{name}`" for name in names if name) for path, names in tests.items()]
    lines = [
        f"If it is wrong: {row.if_wrong}",
        f"What the code does then: {row.then}",
        *([f"AWS showed: {found.seen}"] if found else []),
        *([f"Why no run checks it: {UNCHECKED[row.id]}"] if row.id in UNCHECKED else []),
        *([f"What its check does not look at: {UNSEEN[row.id]}"] if row.id in UNSEEN else []),
        *(f"{item.implementation} {item.version} showed: {item.seen}" for item in differing),
        f"Code: {', '.join(map(linked, sorted(cited))) or 'none'}.",
        f"Tests: {', '.join(named) or 'none'}.",
    ]
    listed = "".join(_wrapped(line, "* ", "  ") for line in lines)
    return f"\n### {row.id}\n\n{_wrapped(row.belief)}\n{listed}"


def _wrapped(text: str, first: str = "", later: str = "") -> str:
    lines = textwrap.wrap(
        text, _WIDTH, initial_indent=first, subsequent_indent=later, break_long_words=False, break_on_hyphens=False
    )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(current())
