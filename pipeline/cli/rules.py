"""Reading topology.yaml at the command line: which file is meant, and its Topology."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.topology.declared import Topology
    from pipeline.topology.load import Checked


def file_of(config: Path | None) -> Path:
    """The file that is meant: the option, TOCSIN_CONFIG, or the one that comes along."""
    from pipeline.settings import read_settings
    from pipeline.topology.locate import locate

    return config or read_settings().config or locate("topology.yaml")


def load_file(path: Path) -> tuple[Topology, str]:
    """The Topology of a file, its secrets resolved, and its text. Raises TopologyError."""
    from pipeline.settings import secret_resolver
    from pipeline.topology.load import load, read

    text = read(path)
    return load(text, str(path), secret_resolver(path.parent)), text


def lint_file(path: Path) -> Checked:
    """What lint says of a file. Raises TopologyError where it cannot be read."""
    from pipeline.settings import secret_resolver
    from pipeline.topology.load import check, read

    return check(read(path), str(path), secret_resolver(path.parent))


def sound_file(path: Path) -> Topology:
    """The Topology of a file whose secrets are not needed. Raises TopologyError."""
    from pipeline.topology.complaint import TopologyError

    checked = lint_file(path)
    if checked.topology is None:
        raise TopologyError([one for one in checked.complaints if not one.is_warning])
    return checked.topology
