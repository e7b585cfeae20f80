"""`ablate export`: merged weights in three formats, read back before anything is said."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from importlib import util
from pathlib import Path
from typing import Any

import pytest
import timm
import torch

from ablations.cli import main
from ablations.commands.weights.export import images_of
from ablations.export import torch_file, write
from ablations.export.timm_file import timm_form
from ablations.export.write import export
from ablations.planning.normal_form import SCHEMA_VERSION
from ablations.run.checkpoint import write_checkpoint
from ablations.run.recorder import CHECKPOINT
from ablations.run.train import train_run
from ablations.store.runs import CONFIG
from lit_models import SPECS, ArchSpec, apply_steps, build, from_dict, parse_step, to_dict
from lit_models.families.reference import Network, TimmModel
from lit_models.families.replknet import replknet
from lit_models.network.backbone import Backbone
from lit_models.network.layers import ParallelConv
from lit_models.space.spec import Branch
from lit_models.weights.checkpoints import load_network
from tests.support.run_folders import RECIPES, make_run

TINY = replknet((1, 1), width=8, kernels=(5, 3), small=(1,))
RUN_ID = "digits-seed0-0123456789ab"
IMAGES = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A runs folder with one finished run of a re-parameterisable network with averaged weights."""
    root = tmp_path_factory.mktemp("runs")
    schema: dict[str, Any] = {"schema": SCHEMA_VERSION}
    train_run(make_run(root / "all" / RUN_ID, RECIPES["ema"], spec=TINY, **schema))
    return root


def checkpoint(
    path: Path, spec: Network, *, num_classes: int = 10, in_chans: int = 3, seed: int = 0
) -> Path:
    """A file as `ablate import` writes it, of a network that is away from its initial values."""
    model = build(spec, num_classes=num_classes, in_chans=in_chans, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for value in model.state_dict().values():
            if value.is_floating_point() and value.ndim < 2:
                value.uniform_(0.5, 1.5, generator=generator)
    sizes = {"num_classes": num_classes, "in_chans": in_chans}
    values = {"spec": to_dict(spec), "training": {}, **sizes, "seed": 0}
    state = {f"backbone.{key}": value for key, value in model.state_dict().items()}
    write_checkpoint({"state_dict": state, "hyper_parameters": values}, path)
    return path


def logits(model: Any, images: torch.Tensor = IMAGES) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = model.eval()(images)
    return found


def loaded_as_said(said: str) -> Any:
    """Run the line that the command prints, and return the network that it makes."""
    import lit_models

    line = next(line for line in said.splitlines() if line.startswith("load it with: "))
    names: dict[str, Any] = {"torch": torch, "timm": timm, "lit_models": lit_models}
    *before, last = line.removeprefix("load it with: ").split("; ")
    exec("; ".join(before), names)  # the project's own words
    made = eval(last, names)
    return names.get("model", made)


def run(runs: Path, *arguments: str) -> list[str]:
    file = runs / "experiments.yaml"
    file.write_text("studies: {tiny: {trajectory: convnext_nano, data: digits}}")  # little to plan
    return ["export", *arguments, "--runs", str(runs), "--file", str(file)]


# The formats


@pytest.mark.parametrize("ema", [False, True])
def test_torch_is_a_spec_and_a_state_dict(
    runs: Path, tmp_path: Path, ema: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "a" / "net.pt"
    options = ["--ema"] if ema else []
    assert main(run(runs, RUN_ID, "--format", "torch", "--out", str(out), *options)) == 0
    said = capsys.readouterr().out
    content = torch.load(out, weights_only=True)
    model = build(from_dict(content["spec"]), num_classes=10, in_chans=1)
    model.load_state_dict(content["state_dict"])
    whole = load_network(runs / "all" / RUN_ID / CHECKPOINT, ema=ema)
    torch.testing.assert_close(logits(model), logits(whole), rtol=1e-4, atol=1e-5)
    assert torch.equal(logits(loaded_as_said(said)), logits(model))
    assert any(isinstance(module, ParallelConv) for module in whole.modules())
    assert not any(isinstance(module, ParallelConv) for module in model.modules())
    assert (content["image_size"], content["num_classes"], content["in_chans"]) == (8, 10, 1)
    assert content["mean"] == [0.3093]
    assert content["source"] == (RUN_ID + "-ema" if ema else RUN_ID)
    assert str(out) in said
    assert "merged weights" in said
    assert re.search(r"read back: logits are within \d", said)


def test_raw_and_averaged_weights_are_different_files(runs: Path, tmp_path: Path) -> None:
    source, files = runs / "all" / RUN_ID / CHECKPOINT, []
    for name, ema in (("raw", False), ("ema", True)):
        out = tmp_path / f"{name}.pt"
        export(source, out, name=name, form="torch", ema=ema, images={"image_size": 8})
        files.append(torch.load(out, weights_only=True))
    assert files[0]["spec"] == files[1]["spec"]
    weights = [file["state_dict"]["head.fc.weight"] for file in files]
    assert not torch.equal(*weights)


def test_timms_own_networks_load_in_timm(tmp_path: Path) -> None:
    spec = replace(SPECS["resnet50"], drop_path_rate=0.3)  # what training alone sees
    source, out = checkpoint(tmp_path / "a.ckpt", spec), tmp_path / "net.safetensors"
    written = export(source, out, name="a", form="timm", images={"image_size": 64})
    assert written.load.startswith("timm.create_model('resnet50', num_classes=10, in_chans=3, ")
    assert "merged" not in written.sentence
    assert "read back: logits are " in written.sentence
    model = eval(written.load, {"timm": timm})
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    whole = load_network(source)
    torch.testing.assert_close(logits(model, images), logits(whole, images), rtol=1e-4, atol=1e-4)


def test_our_own_networks_load_under_our_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "nano_robust_resnet_inverted_dw"
    source, out = checkpoint(tmp_path / "a.ckpt", SPECS[name]), tmp_path / "net.safetensors"
    assert main(run(tmp_path, str(source), "--format", "timm", "--out", str(out))) == 0
    said = capsys.readouterr().out
    assert (
        f"import lit_models.network.timm_models; timm.create_model('lit_{name}', num_classes=10"
        in said
    )
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    model = loaded_as_said(said)
    assert torch.equal(logits(model, images), logits(load_network(source), images))


def test_a_merged_network_has_the_name_of_the_network_that_it_becomes(tmp_path: Path) -> None:
    """A Robust-ResNet without norms after its kernels is the same with and without branches."""
    source = checkpoint(tmp_path / "a.ckpt", SPECS["nano_robust_resnet_dw_reparam"])
    out = tmp_path / "net.safetensors"
    written = export(source, out, name="a", form="timm", images={"image_size": 64})
    assert "'lit_nano_robust_resnet_dw'" in written.load
    source = checkpoint(tmp_path / "b.ckpt", SPECS["nano_replknet"])
    written = export(source, tmp_path / "b.pth", name="b", form="timm", images={"image_size": 32})
    assert "'lit_nano_replknet_merged'" in written.load


def with_primitives() -> ArchSpec:
    steps = [parse_step(text) for text in ("extra=grn", "extra=se:4+after=spatial")]
    return apply_steps(SPECS["nano_convnext"], steps)


def test_networks_with_primitives_are_exported_too(tmp_path: Path) -> None:
    name = "convnextv2_atto"
    source, out = checkpoint(tmp_path / "a.ckpt", SPECS[name]), tmp_path / "net.pth"
    written = export(source, out, name="a", form="timm", images={"image_size": 64})
    assert written.load.startswith(f"timm.create_model({name!r}, num_classes=10")
    source = checkpoint(tmp_path / "b.ckpt", with_primitives())
    written = export(source, tmp_path / "b.pt", name="b", form="torch", images={"image_size": 32})
    assert "read back: logits are " in written.sentence
    with pytest.raises(ValueError, match=r"no name of timm's registry .* --format torch or onnx"):
        export(source, tmp_path / "b.pth", name="b", form="timm", images={"image_size": 32})


def test_shared_weights_are_written_for_every_block(tmp_path: Path) -> None:
    def share(branch: Branch) -> Branch:
        spatial = branch.spatial
        return replace(branch, spatial=replace(spatial, shared=True)) if spatial else branch

    spec = SPECS["nano_spach_attn"].map_branches(share)
    source, out = checkpoint(tmp_path / "a.ckpt", spec), tmp_path / "net.pt"
    export(source, out, name="a", form="torch", images={"image_size": 32})
    state = torch.load(out, weights_only=True)["state_dict"]
    key = "stages.0.blocks.{}.0.layers.spatial.mixer.qkv.weight"
    first, second = (state[key.format(index)] for index in (0, 1))
    assert torch.equal(first, second)
    assert first.data_ptr() != second.data_ptr()


def test_reference_networks_of_timm_are_exported_too(tmp_path: Path) -> None:
    spec = TimmModel("test_vit", image_size=32)
    source = checkpoint(tmp_path / "a.ckpt", spec)
    for form, suffix in (("torch", "pt"), ("timm", "safetensors"), ("timm", "pth")):
        written = export(source, tmp_path / f"net.{suffix}", name="a", form=form)
        assert "images (N, 3, 32, 32)" in written.sentence
    assert "timm.create_model('test_vit', num_classes=10, in_chans=3, img_size=32" in written.load


needs_onnx = pytest.mark.skipif(
    not all(util.find_spec(name) for name in ("onnx", "onnxscript", "onnxruntime")),
    reason="needs the extra [onnx]",
)


@needs_onnx
def test_onnx_takes_primitives(tmp_path: Path) -> None:
    source, out = checkpoint(tmp_path / "a.ckpt", with_primitives()), tmp_path / "net.onnx"
    written = export(source, out, name="a", form="onnx", images={"image_size": 32})
    assert "read back: logits are " in written.sentence


@needs_onnx
def test_onnx_takes_any_number_of_images(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import onnx
    import onnxruntime

    out = tmp_path / "net.onnx"
    assert main(run(runs, RUN_ID, "--format", "onnx", "--out", str(out))) == 0
    said = capsys.readouterr().out
    assert len(said.splitlines()) == 2
    session = onnxruntime.InferenceSession(out, providers=["CPUExecutionProvider"])
    whole = load_network(runs / "all" / RUN_ID / CHECKPOINT)
    for number in (1, 2, 4):
        (found,) = session.run(["logits"], {"images": IMAGES[:number].numpy()})
        expected = logits(whole, IMAGES[:number])
        torch.testing.assert_close(torch.from_numpy(found), expected, rtol=1e-4, atol=1e-5)
    content = onnx.load(out)
    about = {entry.key: entry.value for entry in content.metadata_props}
    assert (about["source"], about["mean"]) == (RUN_ID, "[0.3093]")
    convolutions = [node for node in content.graph.node if node.op_type == "Conv"]
    with_branches = [m for m in whole.modules() if isinstance(m, torch.nn.Conv2d)]
    assert len(convolutions) == len(with_branches) - 2  # one branch less in each of two blocks
    assert [path.name for path in tmp_path.iterdir()] == ["net.onnx"]


def hide(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    find = util.find_spec
    monkeypatch.setattr(
        "ablations.export.onnx_file.find_spec", lambda name: None if name in names else find(name)
    )


def test_missing_onnx_packages_are_one_sentence(
    runs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    hide(monkeypatch, "onnx", "onnxscript")
    out = tmp_path / "net.onnx"
    assert main(run(runs, RUN_ID, "--format", "onnx", "--out", str(out))) == 2
    said = capsys.readouterr().err
    assert "needs onnx and onnxscript, which is not installed: pip install" in said
    assert len(said.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_without_onnxruntime_it_says_that_nothing_was_compared(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hide(monkeypatch, "onnxruntime")
    read = write.FORMATS["onnx"].read
    blank = replace(write.FORMATS["onnx"], write=lambda *_: "", read=read)
    monkeypatch.setattr(write, "FORMATS", {"onnx": blank})
    source = runs / "all" / RUN_ID / CHECKPOINT
    written = export(source, tmp_path / "net.onnx", name="a", form="onnx")
    assert "not read back, since onnxruntime is not installed" in written.sentence


# Names, states, bad input


def test_the_default_name_is_the_runs(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = runs / "all" / RUN_ID
    for given, name in ((RUN_ID, RUN_ID), (RUN_ID[-12:-4], None), (str(folder), None)):
        assert main(run(runs, given, "--format", "torch")) == (0 if name else 2)
        if name is None:  # the same name: there is a file now
            assert f"{RUN_ID}.pt exists" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == [f"{RUN_ID}.pt"]
    assert main(run(runs, RUN_ID, "--format", "torch", "--ema")) == 0
    assert (tmp_path / f"{RUN_ID}-ema.pt").is_file()


def test_a_file_that_is_there_is_replaced_only_by_force(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "net.pt"
    out.write_text("mine")
    command = run(runs, RUN_ID, "--format", "torch", "--out", str(out))
    assert main(command) == 2
    assert "net.pt exists: choose another name with --out, or replace it with --force" in (
        capsys.readouterr().err
    )
    assert out.read_text() == "mine"
    assert main([*command, "--force"]) == 0
    assert torch.load(out, weights_only=True)["num_classes"] == 10


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["digits-seed0-ffffffffffff"], "names 0 runs"),
        (["tiny/start/0"], "no file tiny/start/0, and .* nothing of study 'tiny' has run in"),
        (
            [RUN_ID, "--out", "net.onnx"],
            r"net\.onnx has to end in \.pt or \.pth for --format torch",
        ),
        ([CONFIG], r"config\.json is no checkpoint: it begins with"),
    ],
)
def test_a_mistake_is_one_sentence(
    runs: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: str,
) -> None:
    monkeypatch.chdir(runs / "all" / RUN_ID)
    command = run(runs, *arguments, "--format", "torch")
    before = sorted(runs.rglob("*"))
    assert main(command) == 2
    said = capsys.readouterr().err
    assert re.search(words, said), said
    assert len(said.splitlines()) == 1
    assert sorted(runs.rglob("*")) == before


def test_a_run_that_is_not_done_is_exported_by_its_path_only(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copied(runs, tmp_path, status={"state": "interrupted"})
    out = str(tmp_path / "net.pt")
    assert main(run(tmp_path, RUN_ID, "--format", "torch", "--out", out)) == 2
    said = capsys.readouterr().err
    assert f"run {RUN_ID} is interrupted, not done" in said
    assert str(folder / CHECKPOINT) in said
    assert main(run(tmp_path, str(folder / CHECKPOINT), "--format", "torch", "--out", out)) == 0


def test_a_run_of_another_schema_is_refused(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copied(runs, tmp_path, config={"schema": SCHEMA_VERSION - 1})
    for given in (RUN_ID, str(folder / CHECKPOINT)):
        assert main(run(tmp_path, given, "--format", "torch", "--out", str(tmp_path / "n.pt"))) == 2
        said = capsys.readouterr().err
        assert f"another version of this project (schema {SCHEMA_VERSION - 1}" in said


def test_a_run_with_other_keys_of_data_is_refused() -> None:
    with pytest.raises(ValueError, match=r"another version of this project.*'colour'"):
        images_of({"data": {"name": "digits", "colour": "red"}})
    assert images_of({}) == {}


def copied(runs: Path, root: Path, **changes: Mapping[str, Any]) -> Path:
    """The run in another runs folder, keys of its JSON files replaced."""
    import shutil

    folder = root / "all" / RUN_ID
    shutil.copytree(runs / "all" / RUN_ID, folder)
    for name, values in changes.items():
        file = folder / f"{name}.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), **values}))
    return folder


def test_a_network_without_a_name_in_timm_is_not_for_timm(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "net.safetensors"
    assert main(run(runs, RUN_ID, "--format", "timm", "--out", str(out))) == 2
    assert "no name of timm's registry builds this network" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_every_named_network_has_a_name_for_timm() -> None:
    timm_has = {"resnet50", "resnet152", "convnext_tiny", "convnext_xlarge", "convmixer_768_32"}
    timm_has |= {"convnextv2_nano", "convnextv2_huge"}
    for name in ("resnet_dw", "spach_ms_s_patch4_224_hybrid", "replknet_31b_merged", *timm_has):
        spec = SPECS[name]
        with torch.device("meta"):
            model = Backbone(spec, num_classes=1000)
        found = timm_form(model, replace(spec, drop_path_rate=0.7))
        assert found.name == (name if name in timm_has else f"lit_{name}")
        assert found.native == (name in timm_has)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (lambda x: x.new_zeros(len(x), 10), "its logits are off by"),
        (lambda x: x.new_zeros(len(x), 9), r"gives logits \(1, 9\), and the checkpoint \(1, 10\)"),
        (lambda x: x.new_full((len(x), 10), float("nan")), "its logits are off by nan"),
    ],
)
def test_what_reads_back_otherwise_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values: Any, words: str
) -> None:
    broken = replace(torch_file.TORCH, read=lambda *_: values)
    monkeypatch.setattr(write, "FORMATS", {"torch": broken})
    source, out = checkpoint(tmp_path / "a.ckpt", small_convnext()), tmp_path / "net.pt"
    out.write_text("before")
    with pytest.raises(ValueError, match=rf"net\.pt was not written: .*{words}"):
        export(source, out, name="a", form="torch", force=True)
    assert out.read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.ckpt", "net.pt"]


def small_convnext() -> ArchSpec:
    return replace(SPECS["convnext_tiny"], depths=(1, 1, 1, 1), widths=(8, 8, 8, 8))


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(content: Any, path: Path) -> None:
        path.write_bytes(b"half")
        raise RuntimeError("PytorchStreamWriter failed writing file data/3: file write failed")

    source = checkpoint(tmp_path / "a.ckpt", small_convnext())
    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(OSError, match=r"cannot write .*net\.pt"):
        export(source, tmp_path / "net.pt", name="a", form="torch")
    assert [path.name for path in tmp_path.iterdir()] == ["a.ckpt"]


def test_a_checkpoint_without_an_average_has_none_to_export(tmp_path: Path) -> None:
    source = checkpoint(tmp_path / "a.ckpt", small_convnext())
    with pytest.raises(ValueError, match="no averaged weights"):
        export(source, tmp_path / "net.pt", name="a", form="torch", ema=True)
