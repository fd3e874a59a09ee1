"""`tocsin backup` and `tocsin restore`: log and state as one file, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.failing import failing, naming
from pipeline.cli.options import Data, Json


@failing
def backup(
    file: Annotated[Path, typer.Argument(help="The new file.")],
    *,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Copy log and state of a data folder into one file, also while Tocsin runs.

    Exit codes: 0 it is whole and on the disk, 1 nothing was written.
    """
    from pipeline.cli.output import emit_json
    from pipeline.hosts.embedded.backup import backup as copy
    from pipeline.hosts.embedded.folder import Folder
    from pipeline.settings import read_settings

    folder = data or read_settings().data
    size_bytes = copy(Folder(folder).database, file)
    if as_json:
        emit_json({"file": str(file), "size_bytes": size_bytes})
    else:
        print(f"{file}: {size_bytes} bytes from {folder}")


@failing
def restore(
    file: Annotated[Path, typer.Argument(help="A backup.")],
    *,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Put a backup into a data folder that holds nothing yet.

    Exit codes: 0 done, 1 the folder holds data, or the file is no backup.
    """
    from pipeline.cli.output import emit_json
    from pipeline.hosts.embedded.backup import restore as put_back
    from pipeline.settings import read_settings

    folder = data or read_settings().data
    with naming(file):
        put_back(file, folder)
    if as_json:
        emit_json({"file": str(file), "data": str(folder)})
    else:
        print(f"{folder} holds what {file} held: start it with `tocsin run --data {folder}`")
