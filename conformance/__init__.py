"""What the project believes about AWS, and `make conformance`, which checks it on an account.

`beliefs.yaml` is the list. `page.py` writes docs/BELIEFS.md from it. `checks` has the checks, `run.py` their order,
`scene.py` and `account.py` the resources that they make; `models.py`, `roles.py` and `alarms.py` those that the local
AWS does not have. `bill.py` says before a run what it makes and costs. `played.py` has the stacks that the checks of
CloudFormation need, `stacks.py` their operations, and `recorder.py` the function that answers for their resources.
`results.json` has what runs on AWS have found.

`record.py` keeps requests and replies in `bodies`, and `redaction.py` removes secrets from them. `implementations.py`
runs the checks on other implementations of AWS; `others.json` has what it has found.

`examples.py` plays the stacks of examples/: `installed.py` is the function, `leftovers.py` what outlives the stacks,
and `declared.py` compares what a template declares with what AWS has registered.
"""
