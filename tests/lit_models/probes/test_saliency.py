"""Which parts of an image matter: by gradients, and by DINO's attention."""

from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from torch import Tensor, nn

from lit_models.probes.pixels import Pixels
from lit_models.probes.saliency import (
    HEAD,
    class_attention,
    class_gradients,
    load_dino,
)


def test_gradients_are_the_largest_over_channels_of_the_true_class() -> None:
    layer = nn.Linear(8, 2, bias=False)
    layer.weight.data = torch.tensor([[1.0, -2, 3, 0, 0.5, 1, -4, 0], [0.0] * 7 + [7]])
    network = Pixels(nn.Sequential(nn.Flatten(), layer), mean=(0.1, 0.2), std=(0.5, 0.25))
    found = class_gradients(network, torch.rand(2, 2, 2, 2), torch.tensor([0, 1]))
    # weights over standard deviations, of channels 0 and 1
    assert found.tolist() == [[[2, 4], [16, 0]], [[0, 0], [0, 28]]]


@pytest.fixture(scope="module")
def dino() -> Pixels:
    """Its first and last block, with random weights."""
    made = random_dino()
    made.blocks = nn.Sequential(made.blocks[0], made.blocks[-1])
    return Pixels(made, mean=(0.5,) * 3, std=(0.5,) * 3)


def random_dino() -> Any:
    torch.manual_seed(0)
    return timm.create_model("vit_small_patch16_224.dino", num_classes=0)


def test_attention_is_that_of_the_class_token_in_the_last_block(dino: Pixels) -> None:
    pixels = torch.rand(2, 1, 28, 28)
    found = class_attention(dino, pixels)
    assert found.shape == (2, 14, 14)

    seen: list[Tensor] = []
    last: Any = dino.network.blocks[-1]  # type: ignore[index]
    handle = last.attn.register_forward_pre_hook(lambda _, given: seen.append(given[0][:2]))
    assert found.equal(class_attention(dino, pixels))
    handle.remove()
    with torch.inference_mode():
        values = last.attn.qkv(seen[0]).view(2, 197, 3, 6, 64)
        queries, keys, _ = values.permute(2, 0, 3, 1, 4)
        attention = (queries @ keys.transpose(-2, -1) / 8).softmax(-1)
    torch.testing.assert_close(found.flatten(1), attention[:, HEAD, 0, 1:])


def test_attention_is_a_matter_of_the_image_alone(dino: Pixels) -> None:
    pixels = torch.rand(2, 3, 32, 32)
    assert class_attention(dino, pixels)[1:].equal(class_attention(dino, pixels[1:]))


def test_checkpoints_of_dinos_authors_are_read(tmp_path: Path) -> None:
    weights = random_dino().state_dict()
    whole = {f"module.backbone.{key}": value for key, value in weights.items()}
    head = {"module.head.mlp.0.weight": torch.zeros(1)}
    torch.save({"teacher": {**whole, **head}, "epoch": 1}, tmp_path / "dino.pth")
    found = load_dino(tmp_path / "dino.pth")
    assert not found.training
    assert found.mean.flatten().tolist() == pytest.approx([0.485, 0.456, 0.406])
    for key, value in found.network.state_dict().items():
        assert value.equal(weights[key])


def test_another_file_is_refused_by_name(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(ValueError, match=r"other.pth does not hold the weights of DINO's ViT-S/16"):
        load_dino(tmp_path / "other.pth")
