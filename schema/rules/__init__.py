"""All rules, for `append_rules` of cfn-lint. From a folder, cfn-lint loads the other files here instead."""

from .custom_sagemaker import CustomSageMaker, CustomSageMakerOtherTypes, CustomSageMakerScalars, CustomSageMakerTypes
from .wiring import (
    ExportedGate,
    GateBehindItsEndpoint,
    GateBesideItsEndpoint,
    MinimumOverMaximum,
    NamedConfig,
    NoServiceTimeout,
    ScalingBesideItsGate,
    ScalingWithoutGate,
    TwoOwners,
    UnknownAttribute,
)

__all__ = [
    "CustomSageMaker",
    "CustomSageMakerOtherTypes",
    "CustomSageMakerScalars",
    "CustomSageMakerTypes",
    "ExportedGate",
    "GateBehindItsEndpoint",
    "GateBesideItsEndpoint",
    "MinimumOverMaximum",
    "NamedConfig",
    "NoServiceTimeout",
    "ScalingBesideItsGate",
    "ScalingWithoutGate",
    "TwoOwners",
    "UnknownAttribute",
]
