"""Which stages a step is for: `@3+4` after its text."""

from lit_models.space.spec import ArchSpec
from lit_models.steps.step import need

Stages = tuple[int, ...] | None  # counted from 1; None: all


def in_stage(stages: Stages, stage: int) -> bool:
    """Whether a stage, counted from 0, is one of those of a step."""
    return stages is None or stage + 1 in stages


def check_stages(spec: ArchSpec, stages: Stages) -> None:
    """Refuse stages that the network does not have."""
    beyond = [stage for stage in stages or () if not 1 <= stage <= len(spec.depths)]
    need(not beyond, f"it asks for stage {beyond}, and the network has {len(spec.depths)}")


def where(stages: Stages) -> str:
    """The stages of a step in words, for titles and summaries; nothing for all."""
    return f" in stage {'+'.join(map(str, stages))}" if stages else ""
