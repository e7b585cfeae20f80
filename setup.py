"""Builds the decoder with the hash of its source in it; everything else is in pyproject.toml.

The decoder is optional: without a compiler or libjpeg the build goes on without it.
"""

import hashlib
from pathlib import Path

from setuptools import Extension, setup

SOURCE = Path("datamodules/decoding/decode.c")

setup(
    ext_modules=[
        Extension(
            "datamodules.decoding._decode",
            [str(SOURCE)],
            libraries=["jpeg"],
            # nothing that depends on the machine it is built on
            extra_compile_args=["-O3"],
            define_macros=[
                ("SOURCE_SHA256", f'"{hashlib.sha256(SOURCE.read_bytes()).hexdigest()}"')
            ],
            optional=True,
        )
    ]
)
