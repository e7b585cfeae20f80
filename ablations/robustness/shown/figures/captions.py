"""What stands below a figure: data, images, whether in memory or of files, definition, seeds."""

from collections.abc import Iterable, Sequence

from ablations.compare.records import StudyRecord
from ablations.compare.words import plural
from ablations.robustness.conditions.arrays import MASKED
from ablations.robustness.metrics.accuracy import perturbations
from ablations.robustness.metrics.changes import CorruptionChanges
from ablations.robustness.metrics.grid import CorruptionGrid
from ablations.robustness.results.collected import Collected
from ablations.robustness.shown.figures.panels import Part, number_of, said

SEVERITY = "Top-1 error by severity, mean over the corruptions of a group that are named above it."
CLEAN = "Clean: the same images unchanged."
CHANGES = (
    "How top-1 changed under each corruption (compared with: {reference}), in points, mean over "
    "severities and seeds: violet is higher, orange lower. A change has a colour where it is more "
    "than two standard errors over these images away from 0: that is about these networks, and of "
    "twenty cells without a change about one has a colour by chance."
)
FLIPS = (
    "How often the class changes along a sequence of frames that are perturbed a little more or "
    "moved on, in percent of the pairs that are compared, mean over sequences and seeds; lower is "
    "steadier. A network that always names one class never flips."
)
SCATTER = (
    "Top-1 on changed images against that of the same networks on clean ones, on axes of logits; "
    "large dots are means over seeds. 0 and 100 % are drawn half an image from the end."
)
LINE = (
    "What is above the straight line (least squares in logits, through the means of all points: "
    "Taori et al. 2020, arXiv 2007.00644) is robust beyond what its clean accuracy lets expect."
)
OCCLUSION = "Top-1 where a share of each image is dropped, the same patches for every network."
SALIENCY = (
    "What makes patches salient is the same for every network, too; a share of saliency is no "
    "share of the area."
)
ATTACKS = "Top-1 on images that were changed against the network itself; 0 is the images unchanged."
RISES = (
    "Where accuracy rises again with a larger change, the attack has failed: that is no proof of "
    "robustness."
)
TRANSFER = (
    "TAIG changes images against another network, the same for all; its success rate, in which "
    "clean errors count, is 100 % \N{MINUS SIGN} top-1."
)
STEPS = "PGD's step numbers are swept at a largest change of {eps:g}."
NOISE = (
    "Top-1 on clean images minus that with noise of one ring of frequencies, whose root mean "
    "square is {rms} of the range from 0 to 1 before clipping."
)
DENSITY = "Top-1 on clean images minus that with one ring of frequencies of white noise."
_TRANSFER = "attacks/taig"
_LEAST_MASKED = 1.0  # percent of images, from which on masked gradients are told


def of_images(collected: Collected, parts: Sequence[Part], keys: Iterable[str]) -> str:
    """Images, definition and seeds, as every caption ends."""
    seeds = max(len(curve.seeds) for part in parts for curve in part.panel.curves)
    spread = "; mean over training seeds, bands from the lowest to the highest" if seeds > 1 else ""
    return _said(collected, [part.images for part in parts], keys, spread)


def of_changes(collected: Collected, found: CorruptionChanges, grid: CorruptionGrid) -> str:
    """Severities, images, definition and seeds."""
    severities = ", ".join(map(str, grid.severities))
    of = f"Severity {severities}. " if len(grid.severities) == 1 else f"Severities {severities}. "
    seeds = sorted({len(both) for both in found.seeds.values()})
    number = plural(seeds[-1], "seed") if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]} seeds"
    return of + _said(collected, [found.images], grid.conditions, f"; {number}")


def of_flips(collected: Collected, start: str) -> str:
    """Sequences, definition and seeds."""
    keys = perturbations(collected, start)
    counts = [collected.kept[key].count for key in keys]
    return _said(collected, counts, keys, "", noun="sequence")


def _said(
    collected: Collected,
    images: Sequence[int],
    keys: Iterable[str],
    seeds: str,
    *,
    noun: str = "image",
) -> str:
    least, most = min(images), max(images)
    number = plural(most, noun) if least == most else f"{least} to {most} {noun}s"
    versions = sorted({collected.kept[key].version for key in keys})
    definition = ", ".join(map(str, versions))
    return (
        f"{number}, the same for every network; definition {definition}, seed "
        f"{collected.asked.seed} of the evaluation{seeds}."
    )


def attacks(study: StudyRecord, collected: Collected) -> tuple[str, ...]:
    """What was done, and what the curves do not show."""
    own = [key for key in collected.keys("attacks") if not key.startswith(_TRANSFER)]
    swept = collected.keys("attacks/pgd_steps")
    eps = collected.kept[swept[0]].parameters.get("eps") if swept else None
    found = (
        f"{ATTACKS} {RISES}" if own else "",
        STEPS.format(eps=eps) if eps is not None else "",
        TRANSFER if collected.keys(_TRANSFER) else "",
        masked(study, collected),
    )
    return tuple(filter(None, found))


def masked(study: StudyRecord, collected: Collected) -> str:
    """Where gradients are 0 on most pixels; empty where that is so for next to no image."""
    found = []
    for key in collected.keys("attacks"):
        for point, seed in collected.runs(key):
            zero = collected.arrays(key, point, seed).get(MASKED)
            if zero is not None:
                found.append((100 * float(zero.mean()), key, point))
    if not found or max(found)[0] < _LEAST_MASKED:
        return ""
    share, key, point = max(found)
    title = {one.label: one.title for one in study.points}[point]
    return (
        f"The gradient is zero on more than half of the pixels of up to {share:.0f} % of the "
        f"images ({title}, {attack(key)}): there an attack says little."
    )


def attack(key: str) -> str:
    """An attack for people: `FGSM at 8/255`."""
    kind = key.split("/")[1]
    if kind == "pgd_steps":
        return f"PGD with {plural(round(number_of(key)), 'step')}"
    return f"{kind.upper()} at {said(key)}"


def noise(collected: Collected, keys: Sequence[str]) -> str:
    """What the noise is."""
    parameters = collected.kept[keys[0]].parameters
    if parameters.get("energy") == "density":
        return DENSITY
    rms = float(parameters["rms"])
    return NOISE.format(rms=f"{round(255 * rms)}/255" if (255 * rms).is_integer() else f"{rms:g}")
