"""Nested stacks on MiniStack's CloudFormation: one that fails deletes what it has created, as on AWS.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-nested-stacks.html
"""

from typing import Any

from ministack.services.cloudformation import _stacks, provisioners

Properties = dict[str, Any]


def install() -> None:
    """Replaces MiniStack's creation of nested stacks. The internal names are those of the pinned version."""
    handler: Any = provisioners._RESOURCE_HANDLERS["AWS::CloudFormation::Stack"]
    create = handler["create"]

    def create_or_delete(logical_id: str, properties: Properties, parent: str) -> Any:
        try:
            return create(logical_id, properties, parent)
        except Exception:
            for name in [name for name in _stacks if name.startswith(f"{parent}-{logical_id}-")]:
                provisioners._cfn_nested_stack_delete(name, properties)
            raise

    handler["create"] = create_or_delete
