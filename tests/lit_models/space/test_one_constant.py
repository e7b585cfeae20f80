"""MLP-Mixer, the example of the families' README, is timm's by parameters and by logits."""

import re

import timm
import torch

from lit_models import ArchSpec, build, count
from tests.support.project import PROJECT

README = PROJECT / "lit_models" / "families" / "README.md"
# our key -> timm's
NAMES = (
    (r"^stem\.0\.conv", "stem.proj"),
    (r"^stages\.0\.blocks\.(\d+)\.0\.norm_in", r"blocks.\1.norm1"),
    (r"^stages\.0\.blocks\.(\d+)\.0\.layers\.spatial\.mixer", r"blocks.\1.mlp_tokens"),
    (r"^stages\.0\.blocks\.(\d+)\.1\.norm_in", r"blocks.\1.norm2"),
    (r"^stages\.0\.blocks\.(\d+)\.1\.layers\.pointwise_in\.conv", r"blocks.\1.mlp_channels.fc1"),
    (r"^stages\.0\.blocks\.(\d+)\.1\.layers\.pointwise_out\.conv", r"blocks.\1.mlp_channels.fc2"),
    (r"^head\.norm_before", "norm"),
    (r"^head\.fc", "head"),
)


def from_readme() -> ArchSpec:
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    (code,) = [block for block in blocks if "MLP_MIXER_S16 =" in block]
    names: dict[str, object] = {}
    exec(code, names)
    spec = names["MLP_MIXER_S16"]
    assert isinstance(spec, ArchSpec)
    return spec


def _timms(key: str) -> str:
    for pattern, name in NAMES:
        renamed, hits = re.subn(pattern, name, key)
        if hits:
            return renamed
    raise AssertionError(key)


def test_the_example_is_timms_network() -> None:
    spec = from_readme()
    theirs = timm.create_model("mixer_s16_224").double().eval()
    ours = build(spec).double().eval()
    state = theirs.state_dict()
    generator = torch.Generator().manual_seed(0)
    for value in state.values():
        value.add_(0.02 * torch.randn(value.shape, generator=generator, dtype=value.dtype))
    with torch.no_grad():
        for key, value in ours.state_dict().items():
            value.copy_(state.pop(_timms(key)).view_as(value))
    assert not state
    images = torch.randn(2, 3, 224, 224, generator=generator, dtype=torch.float64)
    with torch.no_grad():
        assert (ours(images) - theirs(images)).abs().max() < 1e-9
    assert count(spec, image_size=224).params == sum(p.numel() for p in theirs.parameters())
