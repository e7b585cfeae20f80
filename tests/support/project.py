"""Where the project lies, and the numbers that its tests are held to."""

from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
GOLDEN = Path(__file__).with_name("golden.json")
