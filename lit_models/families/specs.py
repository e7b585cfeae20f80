"""Named networks as constants of the design space: `SPECS` by name, one module a family.

`nano_*` networks are ours, for images of 16 to 64 px on a CPU.
"""

from collections.abc import Mapping
from types import MappingProxyType

from lit_models.families.convmixer import CONVMIXERS
from lit_models.families.convnext import CONVNEXTS
from lit_models.families.convnext_v2 import CONVNEXTS_V2
from lit_models.families.nano import NANOS
from lit_models.families.replknet import REPLKNETS
from lit_models.families.resnet import RESNETS
from lit_models.families.robust_resnet import (
    BASELINES,
    REPARAMETERISED,
    ROBUST_RESNETS,
    SCALED,
)
from lit_models.families.spach import SPACHS
from lit_models.space.spec import ArchSpec

SPECS: Mapping[str, ArchSpec] = MappingProxyType(
    {
        **RESNETS,
        **CONVNEXTS,
        **CONVNEXTS_V2,
        **BASELINES,
        **ROBUST_RESNETS,
        **SCALED,
        **REPARAMETERISED,
        **SPACHS,
        **CONVMIXERS,
        **REPLKNETS,
        **NANOS,
    }
)
