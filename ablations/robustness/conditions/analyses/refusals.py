"""What several analyses refuse."""

from ablations.robustness.conditions.asked import AskedNetwork
from lit_models.probes.anatomy import anatomy


def unknown_parts(what: str, network: AskedNetwork) -> str | None:
    """A sentence about a network whose blocks are not known, beginning with the analysis."""
    try:
        anatomy(network.backbone)
    except ValueError as error:
        return f"{what}: {network.name}: {error}"
    return None
