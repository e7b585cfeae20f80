"""Imported once by the server that forks the workers: no threads and no GPU may be used here."""

import atexit
import gc
import importlib
import os

_MODULES = (
    "lightning.pytorch",
    "torch._dynamo",  # optimizers import it at their first step
    "timm",
    "torchmetrics",
    "torch.utils.tensorboard",
    "ablations.run.train",
    "ablations.grid.preflight",
    "datamodules.module",
    "datamodules.sets.arrays",
    "datamodules.sets.tree",
    "sklearn.datasets",
    "lit_models.training.classifier",
    "lit_models.network.complexity",
)

for _name in _MODULES:
    importlib.import_module(_name)
# What every run would find out anew. Git's answer is that for the code which is loaded here.
_provenance = importlib.import_module("ablations.store.provenance")
_provenance.git_state()
_provenance.versions()
_omegaconf = importlib.import_module("omegaconf")
_omegaconf.OmegaConf.structured(importlib.import_module("ablations.studies.config").Recipe)
# What is there now lives as long as the server: workers need neither scan nor copy it.
gc.freeze()
# The server has nothing to put away when it ends, and Triton, unloaded, fills the terminal with
# complaints about itself. Workers end without this: multiprocessing leaves by os._exit.
atexit.register(os._exit, 0)
