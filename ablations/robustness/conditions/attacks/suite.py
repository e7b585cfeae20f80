"""The suite `attacks`, and what others have of it."""

from collections.abc import Iterable, Sequence

from ablations.robustness.conditions.attacks.sign import Fgsm, Pgd, PgdSteps
from ablations.robustness.conditions.attacks.transfer import Taig
from ablations.robustness.conditions.condition import Condition
from ablations.robustness.conditions.others import other_network
from ablations.robustness.conditions.suites import REGISTERED, Setting, Suite

_KEY = "attacks.surrogate"
_LEVELS = (1, 2, 4, 8)
# arXiv 2407.08972, section 4.2: FGSM, PGD with the range and one value printed, and the sweep at it
# (the numbers of steps are those of its axis), TAIG of table 4.
_PAPER_FGSM, _PAPER_PGD = (0.1, 0.2, 0.3, 0.4), (0.002, 0.004, 0.006, 0.008)
_PAPER_STEPS, _PAPER_SWEEP, _PAPER_TAIG = 5, (1, 2, 5, 10, 20), (0.03, 0.06, 0.1)
_SWEEP_EPS = 0.006
_DEFAULT_FGSM = (*(level / 255 for level in _LEVELS), *_PAPER_FGSM)


def attacks(setting: Setting) -> Sequence[Condition]:
    """FGSM, PGD, PGD by its steps and, where a surrogate is wanted, TAIG, as the keys say."""
    config = setting.config.attacks
    fgsm = _DEFAULT_FGSM if config.fgsm is None else config.fgsm
    pgd = _PAPER_PGD if config.pgd is None else config.pgd
    return (
        *(Fgsm(eps) for eps in fgsm),
        *(Pgd(eps, config.steps, config.restarts) for eps in pgd),
        *(PgdSteps(_SWEEP_EPS, steps, config.restarts) for steps in config.sweep),
        *(_taig(setting, config.taig) if config.transfer else ()),
    )


def quick_attacks() -> Sequence[Condition]:
    """FGSM by one and by eight levels of 255."""
    return (Fgsm(1 / 255), Fgsm(8 / 255))


def large_kernel_attacks(setting: Setting) -> Sequence[Condition]:
    """Those of arXiv 2407.08972; TAIG where a surrogate is named."""
    return (
        *(Fgsm(eps) for eps in _PAPER_FGSM),
        *(Pgd(eps, _PAPER_STEPS) for eps in _PAPER_PGD),
        *(PgdSteps(_SWEEP_EPS, steps) for steps in _PAPER_SWEEP),
        *(_taig(setting, _PAPER_TAIG) if setting.config.attacks.surrogate else ()),
    )


def _taig(setting: Setting, epsilons: Iterable[float]) -> Sequence[Condition]:
    """Raises ValueError for a surrogate that is asked itself."""
    value = setting.config.attacks.surrogate
    assert value is not None
    surrogate = other_network(value, setting, key=_KEY)
    if surrogate.digest in setting.checkpoints:
        raise ValueError(
            f"{_KEY}={value} is {setting.checkpoints[surrogate.digest]}, which is asked itself: an "
            "attack made on a network of the study shows no transfer; name another one"
        )
    return tuple(Taig(eps, surrogate) for eps in epsilons)


REGISTERED.register(
    "attacks", Suite(attacks, images=500, title="FGSM, PGD, and attacks made on another network")
)
