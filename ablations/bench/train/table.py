"""The table of `ablate bench train`."""

from collections.abc import Mapping
from typing import Any

from ablations.terminal.tables import make_console, say


def show(result: Mapping[str, Any]) -> None:
    """Print medians over rounds, ratios with their quartiles, and what it was measured with."""
    from rich.table import Table

    console = make_console()
    versions = ", ".join(f"{name} {number}" for name, number in result["versions"].items())
    say(
        console,
        f"{result['rounds']} rounds in turns, {result['threads']} threads on {result['cores']} "
        f"cores ({result['machine']}), {versions}{', ' + result['gpu'] if result['gpu'] else ''}. "
        "ours/timm: speed, the median of the ratios within a round and their quartiles; above 1 "
        "ours is faster. Peak memory: of the process on a CPU, of tensors on a GPU.",
    )
    table = Table(box=None, pad_edge=False)
    for heading in ("network", "mode", "setting"):
        table.add_column(heading, no_wrap=True)
    for heading in ("px", "batch", "ours/s", "timm/s", "ours/timm", "by CPU time", "peak MB"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in result["rows"]:
        table.add_row(
            *(row["network"], row["mode"], row["setting"]),
            *(str(row["image_size"]), str(row["batch_size"])),
            *(_number(row, name, "images_per_s", 2) for name in ("ours", "timm")),
            *(_ratio(row, key) for key in ("speed_over_timm", "speed_over_timm_by_cpu_time")),
            " / ".join(_number(row, name, "peak_mb", 0) for name in ("ours", "timm")),
        )
    console.print(table)
    alone = sorted({row["network"] for row in result["rows"] if "speed_over_timm" not in row})
    if alone:
        say(console, f"Measured alone, since timm and this project do not share it: {alone}")


def _number(row: Mapping[str, Any], name: str, key: str, digits: int) -> str:
    return f"{row[name][key]:.{digits}f}" if name in row else "-"


def _ratio(row: Mapping[str, Any], key: str) -> str:
    if key not in row:
        return "-"
    ratio = row[key]
    return f"{ratio['middle']:.2f} [{ratio['low']:.2f}, {ratio['high']:.2f}]"
