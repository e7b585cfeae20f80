"""ConvNeXt V2 (arXiv 2301.00808): a ConvNeXt with GRN in every block instead of a layer scale.

Sizes as in models/convnextv2.py of github.com/facebookresearch/ConvNeXt-V2, 2553895. Drop path
rates are those of its training commands (TRAINING.md), which fine-tune after a masked pre-training;
there are commands for atto, tiny and base, and the other sizes have none here: a recipe's
`drop_path_rate` gives them one. That fine-tuning draws the classifier with a standard deviation of
2e-5; here it starts as ConvNeXt's.
"""

from dataclasses import replace

from lit_models.families.convnext import convnext, convnext_block
from lit_models.space.spec import ArchSpec, Block, Extra, Spatial

GRN = Extra("grn", after="pointwise_in")
_PLAIN = convnext_block(Spatial("depthwise", 7), layer_scale=None).branches[0]
CONVNEXT_V2_BLOCK = Block((replace(_PLAIN, extras=(GRN,)),))


def convnext_v2(depths: tuple[int, ...], *, width: int, drop_path_rate: float = 0.0) -> ArchSpec:
    """A ConvNeXt V2; `width` is the block width of stage 1 and doubles from stage to stage."""
    return convnext(depths, width=width, drop_path_rate=drop_path_rate, block=CONVNEXT_V2_BLOCK)


CONVNEXTS_V2 = {
    "convnextv2_atto": convnext_v2((2, 2, 6, 2), width=40, drop_path_rate=0.1),
    "convnextv2_femto": convnext_v2((2, 2, 6, 2), width=48),
    "convnextv2_pico": convnext_v2((2, 2, 6, 2), width=64),
    "convnextv2_nano": convnext_v2((2, 2, 8, 2), width=80),
    "convnextv2_tiny": convnext_v2((3, 3, 9, 3), width=96, drop_path_rate=0.2),
    "convnextv2_base": convnext_v2((3, 3, 27, 3), width=128, drop_path_rate=0.1),
    "convnextv2_large": convnext_v2((3, 3, 27, 3), width=192),
    "convnextv2_huge": convnext_v2((3, 3, 27, 3), width=352),
}
