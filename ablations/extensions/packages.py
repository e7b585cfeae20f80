"""Installed packages that bring code of their own: entry points of the group below."""

from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path

from ablations.extensions.loading import SourceFile, execute

GROUP = "ablations.extensions"


def use_packages() -> None:
    """Execute the modules that installed packages name in the group `ablations.extensions`.

    Raises ValueError, naming package, file and line, for one that cannot be used.
    """
    for point in sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value)):
        execute(_source(point))


def _source(point: EntryPoint) -> SourceFile:
    package = "?" if point.dist is None else f"{point.dist.name} {point.dist.version}"
    try:
        spec = find_spec(point.module)
    except ImportError as error:
        raise ValueError(_refusal(package, point, str(error))) from None
    if spec is None or spec.origin is None or not Path(spec.origin).is_file():
        raise ValueError(_refusal(package, point, "there is no such module"))
    path = Path(spec.origin)
    return SourceFile(path, path.read_bytes(), module=point.module, package=package)


def _refusal(package: str, point: EntryPoint, reason: str) -> str:
    return (
        f"the package {package} brings {point.value} as an extension ({GROUP}), which cannot be "
        f"loaded: {reason}; repair or uninstall it"
    )
