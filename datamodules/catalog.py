"""The data sets that a study can name (no torch).

A new data set is one `DatasetInfo` in `DATASETS`: its facts, where it lies, and the name of the
function that reads it. `torchvision_arrays` and `image_tree` in `datamodules.sets` read most of
what exists already.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from datamodules import reading
from datamodules.config import DataConfig, data_root, located, nearest
from datamodules.info import IMAGENET_MEAN, IMAGENET_STD, DatasetInfo
from datamodules.sets import folders, layout

__all__ = [
    "DATASETS",
    "WHEREABOUTS",
    "DatasetInfo",
    "content",
    "count_classes",
    "dataset",
    "describe_reading",
    "fetchable",
    "identity",
    "missing",
    "placed",
    "places",
    "resolve",
    "title",
    "tree_of",
    "whereabouts",
]

# Where data lies and what it is called is no part of what it is.
WHEREABOUTS = ("root", "folder", "beton")
_NO_MATTER = (*WHEREABOUTS, "download", "title")
_TORCHVISION: dict[str, Any] = {
    "in_memory": True,
    "load": "datamodules.sets.arrays:torchvision_arrays",
    "fetch": "datamodules.sets.arrays:fetch_torchvision",
}
_TREE: dict[str, Any] = {
    "in_chans": 3,
    "image_size": 224,
    "mean": IMAGENET_MEAN,
    "std": IMAGENET_STD,
}

_ALL = (
    DatasetInfo(
        name="digits",
        title="handwritten digits, 8x8 scans in scikit-learn, drawn larger once",
        num_classes=10,
        in_chans=1,
        image_size=28,
        mean=(0.3093,),
        std=(0.3502,),
        val_fraction=0.125,  # with the fifth that is `test`: 70 / 10 / 20
        sizes=(1438, 359),
        source="UCI Optical Recognition of Handwritten Digits, test part (Alpaydin, Kaynak 1998)",
        licence="CC BY 4.0",
        in_memory=True,
        stored_size=8,
        load="datamodules.sets.arrays:digits",
    ),
    DatasetInfo(
        name="fashion_mnist",
        title="Fashion-MNIST, 28x28 grey clothes",
        num_classes=10,
        in_chans=1,
        image_size=28,
        mean=(0.2860,),
        std=(0.3530,),
        val_fraction=0.1,
        sizes=(60000, 10000),
        source="arXiv 1708.07747",
        licence="MIT",
        in_memory=True,
        load="datamodules.sets.arrays:fashion_mnist",
        places=(
            "FashionMNIST/raw/train-images-idx3-ubyte",
            "/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz",
        ),
        fetch="datamodules.sets.arrays:fetch_torchvision",
        obtain="install Debian's dataset-fashion-mnist, or put the four idx files into "
        "{root}/FashionMNIST/raw",
        torchvision="FashionMNIST",
    ),
    DatasetInfo(
        name="cifar10",
        title="CIFAR-10, 32x32 photographs",
        num_classes=10,
        in_chans=3,
        image_size=32,
        mean=(0.4914, 0.4822, 0.4465),
        std=(0.2470, 0.2435, 0.2616),
        val_fraction=0.1,
        sizes=(50000, 10000),
        source="Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images",
        licence="none stated",
        places=("cifar-10-batches-py",),
        obtain="unpack https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz into {root}",
        torchvision="CIFAR10",
        **_TORCHVISION,
    ),
    DatasetInfo(
        name="cifar100",
        title="CIFAR-100, 32x32 photographs",
        num_classes=100,
        in_chans=3,
        image_size=32,
        mean=(0.5071, 0.4865, 0.4409),
        std=(0.2673, 0.2564, 0.2762),
        val_fraction=0.1,
        sizes=(50000, 10000),
        source="Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images",
        licence="none stated",
        places=("cifar-100-python",),
        obtain="unpack https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz into {root}",
        torchvision="CIFAR100",
        **_TORCHVISION,
    ),
    DatasetInfo(
        name="photographs",
        title="crops of scikit-learn's two photographs, about 125 px, to try readers with",
        num_classes=2,
        in_chans=3,
        image_size=64,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        val_fraction=0.125,
        sizes=(512, 128),
        source="china.jpg (danielbuechele) and flower.jpg (vultilion) of scikit-learn",
        licence="CC BY 2.0",
        load="datamodules.sets.tree:image_tree",
        places=("photographs",),
        fetch="datamodules.sets.photographs:cut_photographs",
        obtain="let a run make it in {root}/photographs",
    ),
    DatasetInfo(
        name="imagenette",
        title="Imagenette v2, ten easy classes of ImageNet, short side 320",
        num_classes=10,
        val_fraction=0.1,
        sizes=(9469, 3925),
        source="https://github.com/fastai/imagenette",
        licence="Apache 2.0; the photographs keep their owners' terms",
        load="datamodules.sets.tree:image_tree",
        places=("imagenette2-320",),
        fetch="datamodules.sets.tree:fetch_imagenette",
        obtain="unpack https://s3.amazonaws.com/fast-ai-imageclas/imagenette2-320.tgz into {root}",
        torchvision="Imagenette",
        **_TREE,
    ),
    DatasetInfo(
        name="imagenet",
        title="ImageNet-1K (ILSVRC 2012)",
        num_classes=1000,
        val_fraction=0.01,
        sizes=(1281167, 50000),
        source="https://image-net.org",
        licence="non-commercial research, by registration",
        load="datamodules.sets.tree:imagenet",
        places=("imagenet",),
        obtain="put train/CLASS and val/CLASS folders, or the three archives of image-net.org, "
        "into {root}/imagenet",
        torchvision="ImageNet",
        **_TREE,
    ),
    DatasetInfo(
        name="image_folder",
        title="a folder of your own, FOLDER/train/CLASS/*.jpg with val/ or test/ beside train/, or "
        "FOLDER/CLASS/*.jpg",
        num_classes=None,
        val_fraction=0.1,
        sizes=None,
        source="data.folder",
        licence="the owner's",
        load="datamodules.sets.tree:image_tree",
        own=True,
        obtain="set data.folder to the folder that holds train/ and val/ or test/",
        **_TREE,
    ),
)

DATASETS: Mapping[str, DatasetInfo] = {info.name: info for info in _ALL}


def dataset(config: DataConfig, *, complete: bool = True) -> DatasetInfo:
    """The entry that a config names.

    Args:
        config: which data.
        complete: refuse a config that lacks its folder; one in a file may get it on the command
            line.

    Raises:
        ValueError: no such data set, with the nearest name; or keys that it lacks, or that have no
            meaning for it.
    """
    if config.name not in DATASETS:
        raise ValueError(f"data.name is {config.name!r}. {nearest(config.name, DATASETS)}")
    info = DATASETS[config.name]
    if info.own and not config.folder and complete:
        raise ValueError(f"data.name={config.name} needs data.folder: {info.obtain}.")
    for key in ("folder", "test_fraction"):
        value = getattr(config, key)
        if value is not None and not info.own:
            raise ValueError(f"data.{key}={value} has no meaning for data.name={config.name}.")
    return info


def resolve(config: DataConfig) -> DataConfig:
    """The same config with every default filled in that the catalogue or a file knows.

    Raises:
        ValueError: see `dataset` and `datamodules.reading.choose_loader`.
    """
    info = dataset(config)
    image_size = config.image_size or info.image_size
    loader = reading.choose_loader(config, info)
    return replace(
        config,
        image_size=image_size,
        eval_size=config.eval_size or image_size,
        val_fraction=info.val_fraction if config.val_fraction is None else config.val_fraction,
        test_fraction=reading.test_fraction(replace(config, loader=loader), info),
        loader=loader,
    )


def identity(config: DataConfig) -> dict[str, Any]:
    """What makes two runs' data equal, with `content`: the resolved config but where it lies."""
    values = asdict(resolve(config))
    return {key: value for key, value in values.items() if key not in _NO_MATTER}


def content(config: DataConfig) -> str | None:
    """SHA-256 of what is in the .beton that is read, or of paths and sizes of a person's own files.

    None where an official data set's own files are read, and for what is not there yet.

    Raises:
        ValueError: the .beton or the folder cannot be used.
    """
    info = dataset(config)
    if _reads_beton(config):
        return reading.content(resolve(config), info)
    tree = tree_of(config) if info.own else None
    if tree is None or not tree.exists():
        return None
    return layout.list_tree(tree, config.test_fraction).fingerprint()


def whereabouts(config: DataConfig) -> dict[str, str | None]:
    """The keys that say where this config's data lies, such that any process finds the same data.

    A .beton that is read is named, so that a run reads the file that it was planned with.
    """
    info = dataset(config)
    read = str(reading.beton_path(config).absolute()) if _reads_beton(config) else config.beton
    folder = str(tree_of(config).absolute()) if info.own else None
    return dict(zip(WHEREABOUTS, (config.root, folder, read), strict=True))


def placed(config: DataConfig, values: Mapping[str, Any]) -> DataConfig:
    """The config with the keys of `whereabouts`, as a run's config.json holds them."""
    return replace(
        config, root=values.get("root"), folder=values.get("folder"), beton=values.get("beton")
    )


def title(config: DataConfig) -> str:
    """The data set's name for people: data.title, else the catalogue's or the folder's."""
    info = dataset(config, complete=False)
    if config.title:
        return config.title
    if info.own:
        return Path(config.folder).name or config.folder if config.folder else "no folder"
    return info.title.partition(",")[0]


def describe_reading(config: DataConfig) -> str:
    """One sentence on what reads the images, and why not something faster."""
    return reading.describe(resolve(config), dataset(config))


def places(config: DataConfig) -> list[Path]:
    """The paths, any of which holds the data set.

    Raises:
        ValueError: see `dataset` and `datamodules.config.located`.
    """
    info = dataset(config)
    if info.own:
        assert config.folder is not None
        return list(dict.fromkeys(located(config, config.folder, key="data.folder")))
    return [data_root(config) / place for place in info.places]


def tree_of(config: DataConfig) -> Path:
    """The folder of a data set that is a tree, there or not."""
    found = places(config)
    return next((path for path in found if path.exists()), found[0])


def fetchable(config: DataConfig) -> bool:
    """Whether a run may download the data set itself."""
    return config.download and dataset(config).fetch is not None and not _reads_beton(config)


def missing(config: DataConfig) -> str | None:
    """None if the data set is on this machine, else a sentence on what to do. Downloads nothing.

    Raises:
        ValueError: see `dataset`.
    """
    info, found = dataset(config), places(config)
    if _reads_beton(config):
        return reading.missing_beton(config)
    if not found or any(path.exists() for path in found):
        return None
    looked = " or ".join(str(path) for path in found)
    obtain = info.obtain.format(root=data_root(config), folder=config.folder)
    first = "it is downloaded when a run needs it, or " if fetchable(config) else ""
    return f"The data set {config.name} is missing (no {looked}): {first}{obtain}."


def count_classes(config: DataConfig) -> int | None:
    """Classes of the data set; None where they are counted from folders that are not there.

    Raises:
        ValueError: its folder has no known layout.
    """
    info = dataset(config)
    if info.num_classes is not None:
        return info.num_classes
    if _reads_beton(config):
        return reading.count_classes(resolve(config), info)
    tree = tree_of(config)
    if not tree.exists():
        return None
    train = layout.split_folders(tree, config.test_fraction)[layout.TRAIN]
    return len(folders.class_folders(train))


def _reads_beton(config: DataConfig) -> bool:
    return reading.reads_beton(resolve(config), dataset(config))
