"""What reports say of single test images and classes; no command measures it, runs keep it."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from ablations.compare.analysis import Analysis, Section, register_analysis
from ablations.compare.drawing import Drawing
from ablations.compare.records import StudyRecord
from ablations.compare.row import Row
from ablations.predictions.classes_figure import classes_figure
from ablations.predictions.confusion_figure import confusion_figure
from ablations.predictions.results import MOST_CLASSES, MOST_ROWS, results
from ablations.predictions.tables import class_changes, sentences, tables

CONFUSION = (
    "Which class the test images of each class are taken for, in percent of its images, mean over "
    "seeds; numbers below 0.5 are left out. Shades grow with the square root."
)
CHANGE = "At the right the second minus the first: violet is more, orange less."
CLASSES = (
    "How the accuracy of each class changed, in points, mean over seeds: violet is higher, orange "
    "lower; changes below 0.05 are left out."
)


class PredictionsAnalysis(Analysis):
    """Differences image by image, accuracy by class, and confusions."""

    name: ClassVar[str] = "predictions"

    def section(self, study: StudyRecord, rows: Sequence[Row]) -> Section | None:
        """What was kept, two intervals for each difference, and the classes."""
        found = results(study, rows)
        if found is None:
            return None
        return Section("Image by image", sentences(found), tuple(tables(study, found)))

    def figures(self, study: StudyRecord, rows: Sequence[Row]) -> Sequence[Drawing]:
        """What each row changed for each class, and confusion matrices; not of many classes."""
        found = results(study, rows)
        if found is None or not found.ends or len(found.found.class_names) > MOST_CLASSES:
            return ()
        caption = f"{CONFUSION} {CHANGE}" if len(found.ends) > 1 else CONFUSION
        drawings = []
        if 0 < len(found.pairs) <= MOST_ROWS:
            draw = partial(classes_figure, found, class_changes(found))
            alt = "Change of each class's accuracy"
            drawings.append(Drawing("classes", "Classes", alt, CLASSES, draw))
        matrices = partial(confusion_figure, found)
        alt = "Confusion matrices"
        return (*drawings, Drawing("confusion", "Confusions", alt, caption, matrices))

    def details(self, study: StudyRecord, rows: Sequence[Row]) -> Mapping[str, Any] | None:
        """See `Results.plain`."""
        found = results(study, rows)
        return found.plain() if found else None


PREDICTIONS = PredictionsAnalysis()
register_analysis(PREDICTIONS)
