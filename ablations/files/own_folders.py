"""Folders that this program fills and empties by itself: they lie below the runs folder, really."""

from pathlib import Path


def own_folder(root: Path, *parts: str) -> Path:
    """The folder ROOT/PARTS, made where it is missing.

    Raises ValueError when a part of it below ROOT is a link or a file: what lies behind a link is
    somebody else's, and is neither written to nor emptied.
    """
    folder = root
    folder.mkdir(parents=True, exist_ok=True)
    for part in parts:
        folder /= part
        if folder.is_symlink():
            raise ValueError(
                f"{folder} is a link to {folder.readlink()}: the folder is for what `ablate` "
                "writes and deletes there, so remove the link (the runs folder as a whole may lie "
                "elsewhere: --runs)"
            )
        try:
            folder.mkdir(exist_ok=True)
        except FileExistsError:
            raise ValueError(f"{folder} is a file, but has to be a folder: move it away") from None
    return folder
