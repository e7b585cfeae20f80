"""Names of everything that a run measures: the one place where they are spelt.

A name is `<split>/<what>`. Accuracies are in percent (0-100), losses in nats.
"""

TRAIN, VAL, TEST = "train", "val", "test"
LOSS, TOP1, TOP5 = "loss", "top1", "top5"
BALANCED = "balanced_accuracy"  # mean over the classes of the share of a class that is right
EMA_SUFFIX = "_ema"  # the same split, measured with the averaged weights


def metric(split: str, what: str, *, ema: bool = False) -> str:
    """The name of a metric, such as `val/top1` or, with `ema`, `val_ema/top1`."""
    return f"{split}{EMA_SUFFIX if ema else ''}/{what}"


TRAIN_LOSS = metric(TRAIN, LOSS)
BATCH_LOSS = "loss"  # of the last training batch, in a progress bar only
TEST_BALANCED, TEST_EMA_BALANCED = (metric(TEST, BALANCED, ema=ema) for ema in (False, True))
VAL_LOSS, VAL_TOP1, VAL_TOP5 = (metric(VAL, what) for what in (LOSS, TOP1, TOP5))
TEST_LOSS, TEST_TOP1, TEST_TOP5 = (metric(TEST, what) for what in (LOSS, TOP1, TOP5))
VAL_EMA_LOSS, VAL_EMA_TOP1, VAL_EMA_TOP5 = (
    metric(VAL, what, ema=True) for what in (LOSS, TOP1, TOP5)
)
TEST_EMA_LOSS, TEST_EMA_TOP1, TEST_EMA_TOP5 = (
    metric(TEST, what, ema=True) for what in (LOSS, TOP1, TOP5)
)


def stage_scale(stage: int) -> str:
    """The metric of a stage's mean absolute layer scale; `stage` is from 0, in the name from 1."""
    return f"layer_scale/stage{stage + 1}"


# Columns of metrics.csv besides the metrics: one row is one epoch.
EPOCH = "epoch"  # completed epochs, from 1
IMAGES_SEEN = "images_seen"  # training images so far, over all devices
LR = "lr"  # peak over parameters in the epoch's last optimizer step
SECONDS = "seconds"  # the epoch's training batches, without validation
VAL_SECONDS = "val_seconds"  # the epoch's validation

# Keys of summary.json besides the test metrics and the last epoch's val metrics.
IMAGES_PER_S = "images_per_s"  # training throughput: median over epochs
PEAK_MEMORY_MB = "peak_memory_mb"  # of the device on CUDA, else of the process
TRAIN_SECONDS = "train_seconds"  # training batches of all epochs
FIT_SECONDS = "fit_seconds"  # training and validation of all epochs
EPOCHS = "epochs"
CLASSES = "classes"
TRAIN_IMAGES, VAL_IMAGES = "train_images", "val_images"
TEST_IMAGES = "test_images"
TEST_CLASS_IMAGES = ("test_images_of_smallest_class", "test_images_of_largest_class")
TEST_RIGHT = "test_right"  # of these by the raw weights: test/top1 is their share
PARAMS = "params"
GMACS = "gmacs"
