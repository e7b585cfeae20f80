"""Networks of timm by name: the way of our own, with timm's numbers."""

import json
import subprocess
import sys
from dataclasses import asdict, replace
from typing import Any

import lightning.pytorch as pl
import pytest
import timm
import torch
from torch.utils.data import DataLoader, TensorDataset

from lit_models import SPECS, LitClassifier, TrainingConfig, build, count, from_dict, to_dict
from lit_models.families.reference import TimmModel, named_network, timm_names
from lit_models.recipe.apply import apply_recipe
from lit_models.space.spec import ArchSpec, IllegalSpec
from tests.support.project import PROJECT

SMALL = TimmModel("test_vit", image_size=32)  # timm's own for tests: 6 blocks of width 64
IMAGES = torch.randn(8, 3, 32, 32, generator=torch.Generator().manual_seed(0))
CLASSES = torch.arange(8) % 4


def test_the_names_are_those_of_timms_registry() -> None:
    ours = set(timm.list_models("lit_*"))  # there once lit_models.network.timm_models is imported
    assert timm_names() == set(timm.list_models()) - ours


def test_a_name_costs_no_torch() -> None:
    code = (
        "import sys; from lit_models.families.reference import named_network; "
        "named_network('timm/vit_base_patch16_224'); named_network('convnext_tiny'); "
        "print({'torch', 'timm'} & set(sys.modules))"
    )
    root = PROJECT
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, check=True, capture_output=True, text=True
    )

    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("name", SPECS)
def test_our_names_are_our_specs(name: str) -> None:
    assert named_network(name) is SPECS[name]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("convnext_tinny", "'convnext_tinny'; did you mean convnext_tiny"),
        ("timm/deit_smal_patch16_224", "did you mean timm/deit_small_patch16_224"),
        ("swin_tiny_patch4_window7_224", "did you mean timm/swin_tiny_patch4_window7_224"),
        ("timm/vit_base_patch16_224.augreg_in1k", "write timm/vit_base_patch16_224"),
        ("timm/vit_base_patch16_224.", "write timm/vit_base_patch16_224"),
        ("timm/", "timm has no network named ''"),
        ("timm/../x", "timm has no network named"),
        ("qqqqqqqqqq", "`ablate list` shows"),
    ],
)
def test_an_unknown_name_says_what_is_near(name: str, words: str) -> None:
    with pytest.raises(ValueError, match="network") as caught:
        named_network(name)
    assert words in str(caught.value)
    with pytest.raises(ValueError, match="network"):
        build(name)


@pytest.mark.parametrize("values", [{"drop_path_rate": 1.0}, {"image_size": 0}])
def test_values_that_are_no_network_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(IllegalSpec, match=next(iter(values))):
        TimmModel("test_vit", **values)  # type: ignore[arg-type]


def test_it_is_plain_data_and_comes_back() -> None:
    model = replace(SMALL, drop_path_rate=0.1)
    plain = json.loads(json.dumps(to_dict(model)))

    assert plain == {"timm": "test_vit", "drop_path_rate": 0.1, "image_size": 32}
    assert from_dict(plain) == model
    assert isinstance(from_dict(to_dict(SPECS["resnet50"])), ArchSpec)
    with pytest.raises(ValueError, match=r"\['depth'\] are unknown or missing in TimmModel"):
        from_dict({**plain, "depth": 3})


@pytest.mark.parametrize(
    "model",
    [
        SMALL,
        TimmModel("deit_small_patch16_224", image_size=32),
        TimmModel("swin_tiny_patch4_window7_224", image_size=32),
        TimmModel("resnet18", image_size=32),  # takes any size, and no image size
    ],
    ids=lambda model: str(model.name),
)
def test_logits_are_timms_to_the_last_bit(model: TimmModel) -> None:
    size: dict[str, Any] = {} if model.name == "resnet18" else {"img_size": 32}
    theirs = timm.create_model(model.name, num_classes=7, **size)
    ours = build(model, num_classes=7, seed=0)
    assert any(
        not torch.equal(left, right)
        for left, right in zip(ours.parameters(), theirs.parameters(), strict=True)
    )
    ours.load_state_dict(theirs.state_dict())
    images = IMAGES[:2].double()

    with torch.no_grad():
        assert torch.equal(ours.double().eval()(images), theirs.double().eval()(images))


def test_values_follow_the_seed_and_leave_the_generator_alone() -> None:
    state = torch.get_rng_state()
    first, other = build(SMALL, seed=3).state_dict(), build(SMALL, seed=4).state_dict()
    assert torch.equal(torch.get_rng_state(), state)
    torch.rand(5)
    again = build(SMALL, seed=3).state_dict()

    for key, value in first.items():
        assert torch.equal(again[key], value), key
    assert not torch.equal(first["head.weight"], other["head.weight"])


def test_without_a_seed_values_come_from_the_global_generator() -> None:
    state = torch.get_rng_state()
    first = build(SMALL)
    second = build(SMALL)
    torch.set_rng_state(state)
    again = build(SMALL)
    torch.set_rng_state(state)

    keys = [key for key in first.state_dict() if key.endswith("qkv.weight")]
    assert keys
    for key in keys:
        assert torch.equal(first.state_dict()[key], again.state_dict()[key])
        assert not torch.equal(first.state_dict()[key], second.state_dict()[key])


def transformer_macs(*, tokens: int, width: int, depth: int) -> int:
    """Multiply-adds of blocks with MLP ratio 4: qkv, projection, MLP; q @ k and weights @ v."""
    linear = tokens * width * (3 * width + width + 4 * width + 4 * width)
    products = 2 * tokens**2 * width
    return depth * (linear + products)


@pytest.mark.parametrize(
    ("name", "width", "depth"),
    [
        ("vit_base_patch16_224", 768, 12),
        ("deit_small_patch16_224", 384, 12),
        ("vit_large_patch16_224", 1024, 24),
    ],
)
def test_fused_attention_is_counted_as_two_products(name: str, width: int, depth: int) -> None:
    patches = 14 * 14
    macs = patches * 16 * 16 * 3 * width + width * 1000
    macs += transformer_macs(tokens=patches + 1, width=width, depth=depth)
    cost = count(TimmModel(name), image_size=224)

    assert cost.gmacs * 1e9 == pytest.approx(macs, abs=0.5)
    if name == "vit_base_patch16_224":
        assert macs == 17_563_828_224
        assert cost.params == 86_567_656  # timm's figure, 86.57 M


def test_window_attention_is_counted_too() -> None:
    macs, width, side = 56 * 56 * 4 * 4 * 3 * 96, 96, 56
    for stage, depth in enumerate((2, 2, 6, 2)):
        if stage:
            side, width = side // 2, width * 2
            macs += side**2 * 2 * width * width  # merging: four positions of half the width
        windows = (side // 7) ** 2
        macs += windows * transformer_macs(tokens=49, width=width, depth=depth)
    macs += 768 * 1000
    cost = count(TimmModel("swin_tiny_patch4_window7_224"), image_size=224)

    assert cost.gmacs * 1e9 == pytest.approx(macs, abs=0.5)


def test_counts_are_those_of_the_network_that_is_built() -> None:
    cost = count(SMALL, image_size=32, num_classes=4)
    model = build(SMALL, num_classes=4)

    assert cost.params == sum(parameter.numel() for parameter in model.parameters())
    outputs = []
    for module in model.modules():
        if isinstance(module, torch.nn.Linear | torch.nn.Conv2d):
            module.register_forward_hook(lambda _m, _i, out: outputs.append(out.numel()))
    model.eval()(IMAGES[:1])
    assert cost.activations == sum(outputs)


@pytest.mark.parametrize(
    ("model", "side", "words"),
    [
        (TimmModel("vit_base_patch16_224"), 256, r"a 256 px image does not fit .*\(224\)"),
        (TimmModel("deit_small_patch16_224", image_size=28), 28, "the last 12 px would go unseen"),
        (TimmModel("inception_v3", image_size=32), 32, "a 32 px image does not fit"),
        (TimmModel("vgg11", drop_path_rate=0.1), 224, "vgg11 has no stochastic depth"),
    ],
    ids=lambda value: value.name if isinstance(value, TimmModel) else None,
)
def test_what_does_not_fit_is_refused(model: TimmModel, side: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        count(model, image_size=side)


def test_a_recipe_sets_the_drop_path_rate_and_cannot_blur() -> None:
    trained = apply_recipe(SMALL, TrainingConfig(drop_path_rate=0.3))

    assert trained == replace(SMALL, drop_path_rate=0.3)
    assert apply_recipe(trained, TrainingConfig()) == trained
    rates = [getattr(m, "drop_prob", 0.0) for m in build(trained).modules()]
    assert max(rates) == pytest.approx(0.3)
    assert not any(getattr(m, "drop_prob", 0.0) for m in build(SMALL).modules())
    # timm's own default for Swin is 0.1: a rate that nobody chose
    swin = TimmModel("swin_tiny_patch4_window7_224", image_size=32)
    assert not any(getattr(m, "drop_prob", 0.0) for m in build(swin).modules())
    with pytest.raises(IllegalSpec, match=r"timm/test_vit is built as timm has it.*blur_pool"):
        apply_recipe(SMALL, TrainingConfig(blur_pool=True))


def test_a_classifier_trains_it_with_average_and_layer_decay() -> None:
    config = TrainingConfig(
        epochs=2,
        batch_size=4,
        ema_decay=0.9,
        channels_last=True,
        drop_path_rate=0.1,
        layer_decay=0.8,
        flip_test=True,
    )
    module = LitClassifier(to_dict(SMALL), asdict(config), num_classes=4, in_chans=3, seed=0)
    before = {name: value.clone() for name, value in module.backbone.named_parameters()}
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=2,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    loader = DataLoader(TensorDataset(IMAGES, CLASSES), batch_size=4)
    trainer.fit(module, loader, loader)

    assert trainer.global_step == 4
    assert {"val/top1", "val_ema/top1", "train/loss"} <= set(trainer.callback_metrics)
    moved = [n for n, p in module.backbone.named_parameters() if not torch.equal(p, before[n])]
    assert len(moved) == len(before)
    again = LitClassifier(**module.hparams)
    assert again.spec == module.spec == replace(SMALL, drop_path_rate=0.1)
    again.load_state_dict(module.state_dict())
    with torch.no_grad():
        assert torch.equal(again.eval()(IMAGES), module.eval()(IMAGES))


def test_position_embeddings_and_biases_are_not_decayed() -> None:
    from lit_models.training.optimisation import create_optimizer

    model = build(SMALL, num_classes=4)
    optimizer = create_optimizer(model, TrainingConfig(weight_decay=0.05))
    decayed = {
        id(p) for group in optimizer.param_groups if group["weight_decay"] for p in group["params"]
    }
    names = {name for name, value in model.named_parameters() if id(value) in decayed}

    assert "pos_embed" not in names
    assert "cls_token" not in names
    assert not any(name.endswith("bias") for name in names)
    assert "blocks.0.attn.qkv.weight" in names
