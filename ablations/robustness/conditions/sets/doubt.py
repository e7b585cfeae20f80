"""A number that is most often the sign of a wrong class mapping."""

_CLEAN = 0.2  # share of right answers to clean images from which on a network knows its classes
_TIMES = 2  # of chance: 0.2 % of 1,000 classes


def doubt(title: str, *, correct: float, clean: float, chance: float) -> str | None:
    """What to check about a result that is hardly better than guessing; None: it is.

    Args:
        title: of the set, such as `ImageNet-R`.
        correct: share of right answers.
        clean: likewise, of the network's own test images.
        chance: share of right answers of somebody who guesses.
    """
    if clean <= _CLEAN or correct >= _TIMES * chance:
        return None
    text = (
        f"{title}: {100 * correct:.2f} % right, where guessing gives {100 * chance:.2f} % and the "
        f"network's own test images {100 * clean:.1f} %. Check that the network's outputs are in "
        "the order of the sorted class names (n01440764 is the first of ImageNet), and that the "
        "images lie in the class folders of the original archive"
    )
    if title == "ImageNet-A":
        text += "; its images were chosen so that a ResNet-50 fails, which also looks like this"
    return f"{text}."
