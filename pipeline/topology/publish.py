"""`make docs`: write the documents about the built-in topology to infra/docs and the README.

They are generated, so that a picture cannot lie; a test fails while they are out of date.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from pipeline.domain.secret import Secret
from pipeline.topology.declared import Topology
from pipeline.topology.docs import read_schemas, render_docs
from pipeline.topology.load import check, read
from pipeline.topology.locate import locate
from pipeline.topology.stream import draw, render_mermaid

BEGIN: Final = "<!-- stream: written by `make docs` -->\n"
STAND_IN: Final = Secret("0" * 32)
"""For the secrets that the file refers to: no document shows one."""

END: Final = "<!-- end of stream -->\n"


def documents(root: Path) -> dict[Path, str]:
    """Path → text of every generated document, the README among them.

    Raises OSError, or ValueError where the README lacks its marks or topology.yaml does not lint.
    """
    path = locate("topology.yaml")
    topology = check(read(path), path.name, lambda _: STAND_IN).topology
    if topology is None:
        raise ValueError(f"{path.name} does not lint: see tocsin topology lint")
    texts = render_docs(topology, read_schemas(locate("schemas")))
    found = {root / "infra/docs" / name: text for name, text in texts.items()}
    readme = root / "README.md"
    found[readme] = with_picture(readme.read_text(encoding="utf-8"), topology)
    return found


def with_picture(readme: str, topology: Topology) -> str:
    """The README with the picture of the stream between its two marks."""
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"README.md lacks the marks {BEGIN.strip()} and {END.strip()}")
    picture = render_mermaid(draw(topology))
    return f"{before}{BEGIN}\n```mermaid\n{picture}```\n\n{END}{after}"


def main() -> None:
    """Write what has changed, and say so."""
    for path, text in documents(Path.cwd()).items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"wrote {path.name}\n")


if __name__ == "__main__":
    main()
