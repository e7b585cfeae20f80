"""The data sets that a study can name, as data (no torch).

A new data set is one `DatasetInfo` in `_ALL`: its facts, where it lies, and the name of the
function that reads it. `torchvision_arrays` and `image_tree` in `datamodules.sets` read most of
what exists already.
"""

from __future__ import annotations

from typing import Any

from datamodules.config.info import IMAGENET_MEAN, IMAGENET_STD, DatasetInfo
from lit_models.registry.registry import Registry

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
        paths=(
            "FashionMNIST/raw/train-images-idx3-ubyte",
            "/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz",
        ),
        fetch="datamodules.sets.arrays:fetch_torchvision",
        how_to_get="install Debian's dataset-fashion-mnist, or put the four idx files into "
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
        paths=("cifar-10-batches-py",),
        how_to_get="unpack https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz into {root}",
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
        paths=("cifar-100-python",),
        how_to_get="unpack https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz into {root}",
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
        paths=("photographs",),
        fetch="datamodules.sets.photographs:cut_photographs",
        how_to_get="let a run make it in {root}/photographs",
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
        paths=("imagenette2-320",),
        fetch="datamodules.sets.tree:fetch_imagenette",
        how_to_get="unpack https://s3.amazonaws.com/fast-ai-imageclas/imagenette2-320.tgz "
        "into {root}",
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
        paths=("imagenet",),
        how_to_get="put train/CLASS and val/CLASS folders, or the three archives of image-net.org, "
        "into {root}/imagenet",
        torchvision="ImageNet",
        **_TREE,
    ),
    # the whole of ImageNet, release fall11: no split, and some classes have one image only. The
    # ConvNeXt code trains on all of it and evaluates nothing; the shares held out here are ours.
    DatasetInfo(
        name="imagenet22k",
        title="ImageNet-22K (fall11), 21,841 classes",
        num_classes=21841,
        val_fraction=0.01,
        test_fraction=0.01,
        sizes=(14055151, 141971),  # of 14,197,122
        source="https://image-net.org (14,197,122 images, 21,841 synsets)",
        licence="non-commercial research, by registration",
        load="datamodules.sets.tree:image_tree",
        paths=("imagenet22k",),
        how_to_get="unpack the archives of the fall11 release into one folder a synset, "
        "{root}/imagenet22k/CLASS (for a copy with other numbers of images set "
        "data.bad_images=skip)",
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
        how_to_get="set data.folder to the folder that holds train/ and val/ or test/",
        **_TREE,
    ),
)

DATASETS: Registry[DatasetInfo] = Registry("data set")
for _info in _ALL:
    DATASETS.register(_info.name, _info)
