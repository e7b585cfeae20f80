"""The networks of the five studies a second time: plain functions over official state dicts.

Each module has a frozen description of a network, `random_state`, which draws a state dict in the
key layout of the study's public code with every norm, scale, bias and running statistic away from
its initial value, and `forward`, which turns that state dict and images into logits. Nothing here
uses `lit_models`: the two agree only when both have understood the architecture.
"""
