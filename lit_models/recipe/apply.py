"""What a recipe says about the network itself."""

from dataclasses import replace
from typing import overload

from lit_models.families.reference import Network
from lit_models.recipe.config import TrainingConfig
from lit_models.space.spec import ArchSpec, IllegalSpec


@overload
def apply_recipe(spec: ArchSpec, training: TrainingConfig) -> ArchSpec: ...
@overload
def apply_recipe(spec: Network, training: TrainingConfig) -> Network: ...
def apply_recipe(spec: Network, training: TrainingConfig) -> Network:
    """The spec with the recipe's `drop_path_rate` and `blur_pool`.

    Applied to its own result it changes nothing. Raises IllegalSpec when that is no network,
    when there is nothing to blur or to scale, and for a network of timm that would be blurred.
    """
    rate = spec.drop_path_rate if training.drop_path_rate is None else training.drop_path_rate
    if isinstance(spec, ArchSpec):
        if spec.init.zero_classifier and training.head_init_scale != 1:
            raise IllegalSpec(
                f"recipe.head_init_scale={training.head_init_scale} changes nothing: the "
                "classifier of this network starts at 0; leave it out"
            )
        blur_pool = spec.blur_pool or training.blur_pool
        return replace(spec, drop_path_rate=rate, blur_pool=blur_pool)
    if training.blur_pool:
        raise IllegalSpec(
            f"blur_pool is an edit of our own specs, and timm/{spec.name} is built as timm has it; "
            "leave recipe.blur_pool out, or put the network into a study of its own"
        )
    return replace(spec, drop_path_rate=rate)
