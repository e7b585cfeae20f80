"""`--format torch`: a spec and a state dict, plain values and tensors."""

from pathlib import Path

import torch

from ablations.export.package import Format, Package, Predict, own_memory
from lit_models.families.serialise import from_dict, to_dict
from lit_models.network.builder import build


def write(package: Package, path: Path, final: Path) -> str:
    """Write what `build` and `load_state_dict` need; it loads with `weights_only=True`."""
    content = {
        "spec": to_dict(package.spec),
        "num_classes": package.num_classes,
        "in_chans": package.in_chans,
        "image_size": package.image_size,
        **package.about,
        "state_dict": own_memory(package.model.state_dict()),
    }
    torch.save(content, path)
    return (
        f"c = torch.load({str(final)!r}, weights_only=True); model = lit_models.build("
        "lit_models.from_dict(c['spec']), num_classes=c['num_classes'], in_chans=c['in_chans']); "
        "model.load_state_dict(c['state_dict'])"
    )


def read(package: Package, path: Path) -> Predict:
    """The network of the file."""
    del package
    content = torch.load(path, weights_only=True)
    sizes = {key: content[key] for key in ("num_classes", "in_chans")}
    model = build(from_dict(content["spec"]), **sizes)
    model.load_state_dict(content["state_dict"])
    evaluated: Predict = model.eval()
    return evaluated


TORCH = Format((".pt", ".pth"), write, read)
