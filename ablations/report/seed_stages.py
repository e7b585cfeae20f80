"""What a rule for seeds did, as a section of the report."""

from collections.abc import Sequence
from typing import ClassVar

from ablations.compare.analysis import Analysis, Section, register_analysis
from ablations.compare.columns import by_seed
from ablations.compare.records import StudyRecord
from ablations.compare.row import Row
from ablations.statistics.seeds.rule import stage_of
from ablations.statistics.seeds.rule_sentences import stage_sentences
from ablations.store.finished_values import different
from lit_models.training.metrics import TEST_TOP1


class SeedStages(Analysis):
    """How many seeds a rule asked for, and why."""

    name: ClassVar[str] = "seed_stages"

    def section(self, study: StudyRecord, rows: Sequence[Row]) -> Section | None:
        """The rule and its decisions; none where seeds were listed."""
        del rows
        if study.seeds_rule is None:
            return None
        runs = {p.label: {run.seed: run.run_id for run in p.runs} for p in study.points}
        kept = different(runs)
        values = {p.label: by_seed(p, TEST_TOP1) for p in study.points if p.label in kept}
        failed = len({run.run_id for run in study.runs if run.state == "failed"})
        stage = stage_of(study.seeds_rule, values)
        return Section("How many seeds", stage_sentences(stage, failed=failed))


SEED_STAGES = SeedStages()
register_analysis(SEED_STAGES)
