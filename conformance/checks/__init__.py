"""The checks, one module for each service.

A check returns what AWS showed, and whether the belief holds. It leaves the endpoint as it was, in service and not
registered. To add one, write a function with `@check(ID, STAGE)`; docs/BELIEFS.md then says that it is checked.
"""

from conformance.check import CHECKS
from conformance.checks import (
    activities,
    calls,
    cloudformation,
    components,
    concurrency,
    deployments,
    endpoints,
    functions,
    parameters,
    permissions,
    policies,
    targets,
)

__all__ = [
    "CHECKS",
    "activities",
    "calls",
    "cloudformation",
    "components",
    "concurrency",
    "deployments",
    "endpoints",
    "functions",
    "parameters",
    "permissions",
    "policies",
    "targets",
]
