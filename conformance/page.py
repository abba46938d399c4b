"""Writes docs/BELIEFS.md from the list: `make beliefs`."""

import textwrap
from collections.abc import Callable, Mapping, Sequence

from conformance.beliefs import ROOT, UNDOCUMENTED, Belief, Result, beliefs, citations, results, sources
from conformance.check import UNCHECKED
from conformance.checks import CHECKS
from conformance.others import DIFFERS, Found, others

PAGE = ROOT / "docs" / "BELIEFS.md"
_WIDTH = 130
_HEAD = """\
# What this project believes about AWS

Nothing of this project has run on AWS yet, except where a row below says so. Many of its rules follow AWS's
documentation. Others rest on a report of a user, or on nothing. Each row of this page is such a rule. Sources cite a
row by its id. `make beliefs` writes the page from [conformance/beliefs.yaml](../conformance/beliefs.yaml).

[`make conformance`](#check-them-on-your-account) checks on your own account those rows that it can check. `make test` runs
the same checks on the local AWS. A row about something that the local AWS lacks is not applicable there.

"""
_RUN = """\
## Check them on your account

```sh
make conformance REGION=us-east-1
```

This needs credentials in your AWS settings. `ONLY="ID ID"` checks some rows. The rows about CloudFormation and Lambda make
stacks whose custom resources a small function answers. The function records what it sees.

The endpoints need a SageMaker model. Without `MODEL`, the run makes one: AWS's public image `huggingface-pytorch-inference`,
which loads a tiny model of random weights from the Hugging Face Hub, and a role that may do little more than pull this
image. AWS and Hugging Face document both; nobody has tried this pair on AWS yet.

[AWS lists the registries of the image][images], but not for every Region. Elsewhere, and where endpoints cannot reach the
Hub, name a model of yours that an `ml.m5.large` and a serverless endpoint can run: `MODEL=my-model`. The run does not change
it. Its role may let SageMaker write logs below `/aws/sagemaker/Endpoints/`; these stay. Without any model, only the rows that
need no endpoint are checked.

1. It prints the account, what it will make, how long that takes and what it costs at most. Then it asks. Answer `yes`, or
   set `CONFIRM=yes`. It does not run in CI.
2. All names begin with `sagemaker-scaling-conformance-`. All but scalable targets have the tag
   `sagemaker-scaling-conformance` from their creation on, also what is in the stacks. At most one endpoint exists at a time.
3. It deletes everything in every case, also after Ctrl-C. If the process is killed, run `make conformance-clean
   REGION=us-east-1`. Both delete only what has the prefix and the tag, and the scalable targets of such endpoints and
   inference components.
4. For a row that differs, it prints what happens to you and what the code does then. It writes what AWS showed to
   `conformance/results.json`, without the id of your account. `make beliefs` shows it here.

The exit code is 0 if each row holds or is not applicable, 1 if one differs or could not be checked, and 2 if nothing was done.
After Ctrl-C it is 130.

The caller needs

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
* `lambda:` `InvokeFunction`, `GetFunctionConfiguration` and `UpdateFunctionConfiguration`.

Cleaning up looks for each of these, so it needs all `List` and `Describe` actions in every case.

CloudFormation makes the stack of the function with the caller's permissions: `iam:` `CreateRole`, `GetRole`, `DeleteRole`,
`PutRolePolicy`, `GetRolePolicy`, `DeleteRolePolicy`, `ListRolePolicies`, `ListAttachedRolePolicies`, `TagRole` and `PassRole`;
`lambda:` `CreateFunction`, `GetFunction`, `DeleteFunction`, `TagResource`, `GetFunctionCodeSigningConfig` and
`GetRuntimeManagementConfig`; `logs:` `CreateLogGroup`, `DescribeLogGroups`, `DeleteLogGroup`, `PutRetentionPolicy`,
`TagResource` and `ListTagsForResource`. Other actions that the [types of these resources][types] name serve properties that
they do not have.

### Deploy the examples

```sh
make package
make conformance REGION=us-east-1 ONLY=examples EXAMPLES="minimal endpoint-with-scaling"
```

This installs the function of `make package`, and plays the stacks of [examples](../examples/README.md) one after the other.
Without `EXAMPLES`, it plays all that can run in one account. Each stack is created, updated and deleted. The update changes
the instance type of an endpoint behind a gate, and limits elsewhere. After each step, the run compares what AWS has
registered with what the template declares. It prints a line for each example: `holds`, `DIFFERS`, `unclear` if it could not
be checked, or `n/a` with the reason. Confirmation, exit codes and `make conformance-clean` are those of the checks above.

* It makes its own endpoints, a bucket, and a tiny model in an image of AWS. `MODEL=my-model` uses the image, the artifacts
  and the role of your model instead. That model needs a `ModelDataUrl`.
* The stacks, the bucket, the endpoints and the export of the function begin with the prefix. So a function that you have
  installed stays as it is. CloudFormation names the other resources of the stacks, and deletes them with the stacks.
* The clean-up deletes stacks that have the prefix and the tag, the last one first. Then it deletes what outlives them: log
  groups, snapshots and scalable targets of endpoints of a run.

The caller may need all that the stacks make: stacks, roles, functions, queues, log groups, alarms, buckets, and models,
endpoints and inference components of SageMaker.

[types]: https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html
[images]: https://aws.github.io/deep-learning-containers/reference/available_images/
[checked]: https://docs.aws.amazon.com/autoscaling/application/userguide/security_iam_permission_validation.html
"""

_OTHERS = """\

## Check other implementations of AWS

```sh
make conformance-others
```

This runs the same checks on other implementations, each on this machine and without Docker. It writes
`conformance/others.json`; `make beliefs` shows it in the columns with their names. None of them is AWS: where one differs,
either may be wrong. The details of the row say what it showed, and the row says why it stays.

VERSIONS
* `holds`, `differs`: the check had a result.
* `unclear`: it had none. The implementation does not have an operation that the check calls, leaves out a member, does not
  reach the state that the check needs, such as an endpoint that is updated, or gave no result in 20 seconds.
* An empty cell: no check of the row, or the implementation does not have the service.

The checks of Application Auto Scaling use endpoints of the local AWS. `IMPLEMENTATIONS="moto awsim"` runs only some. moto and
MiniStack come with the tools of `make test`. AWSim and winterbaume are Rust crates, which
[dev/others](../dev/others/src/main.rs) serves; their first build takes some minutes and needs the network. fakecloud is not
run, because of its licence, the AGPL.
"""
_SEND = """\

## Send what your account showed

```sh
make conformance REGION=us-east-1 MODEL=my-model RECORD=yes
```

With `RECORD=yes`, a run also writes `conformance/bodies`: for each operation that the function calls, and for each kind of
reply, one request and its reply. `tests/handler/recorded.rs` lets the function read each of them. Those of this repository
come from the local AWS, except for files that name a Region.

Only calls for resources of the run are kept. They are redacted: ids of accounts, ARNs and requests, credentials, signatures,
tokens, URLs, host names, addresses, names of users, roles and models, and times are replaced by fixed values. The
redaction finds these by rules, and cannot know everything.

1. Read `git diff conformance`. It has all that you send: `results.json` and the files in `bodies`.
2. Run `cargo test --test handler recorded`. If it fails, the function does not read a reply of AWS as it should. Send that,
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
