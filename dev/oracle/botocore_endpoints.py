"""Writes botocore-endpoints.json: botocore's addresses of a service, for each Region and setting.

Needs botocore, and nothing else: python botocore_endpoints.py
"""

import json
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import botocore
from botocore.endpoint_provider import EndpointProvider
from botocore.exceptions import EndpointProviderError
from botocore.loaders import create_loader

SERVICES = ("application-autoscaling", "cloudformation", "lambda", "sagemaker", "ssm")
# Names that match no partition, so that the first one applies, and a former pseudo-Region.
STRANGE = ("mars-1", "us-mars", "fips-us-east-1")
CUSTOM = ("http://localhost:4566", "https://example.com/path")
OUTPUT = Path(__file__).with_name("botocore-endpoints.json")


def unknown(partition: dict[str, Any]) -> set[str]:
    """Regions that do not exist, but would belong to the partition by their names."""
    known = [region for region in sorted(partition["regions"]) if re.fullmatch(partition["regionRegex"], region)]
    new_number = re.sub(r"\d+$", "99", known[0])
    new_place = re.sub(r"\w+-\d+$", "mars-1", known[-1])
    return {new_number, new_place}


def rows(provider: EndpointProvider, regions: list[str]) -> Iterator[dict[str, Any]]:
    """The settings, each with botocore's address, or null for an error."""
    questions = [
        *product(regions, (False, True), (False, True), (None,)),
        *product(("us-east-1", "cn-north-1"), (False, True), (False, True), CUSTOM),
        *product((None,), (False, True), (False, True), (None, *CUSTOM)),
    ]
    for region, fips, dual_stack, endpoint in questions:
        parameters = {"UseFIPS": fips, "UseDualStack": dual_stack, "Region": region, "Endpoint": endpoint}
        given = {name: value for name, value in parameters.items() if value is not None}
        try:
            url = provider.resolve_endpoint(**given).url
        except EndpointProviderError:
            url = None
        yield {"region": region, "fips": fips, "dual_stack": dual_stack, "endpoint": endpoint, "url": url}


def main() -> None:
    """Writes the file."""
    loader = create_loader()
    partitions = loader.load_data("partitions")
    regions = set(STRANGE)
    for partition in partitions["partitions"]:
        regions |= partition["regions"].keys() | unknown(partition)
    blocks = []
    for service in SERVICES:
        rules = loader.load_service_model(service, "endpoint-rule-set-1")
        lines = ",\n".join(json.dumps(row) for row in rows(EndpointProvider(rules, partitions), sorted(regions)))
        blocks.append(f"{json.dumps(service)}: [\n{lines}\n]")
    version = f'"botocore": {json.dumps(botocore.__version__)}'
    OUTPUT.write_text("{\n" + ",\n".join([version, *blocks]) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
