"""`make schemas`: write schemas/*.avsc from the Structs, and keep what they were.

A schema whose fingerprint changes leaves its former text under `history/`, since bytes written
with it are still on topics. A change that would break a reader is refused, and nothing is written.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from pipeline.codec.derive import derive
from pipeline.codec.evolution import breaks
from pipeline.codec.published import fingerprint_of, former_schemas, render, schemas_folder
from pipeline.codec.values import TOPIC_VALUES


def write_schemas(folder: Path) -> list[Path]:
    """Bring the files under `folder` up to the Structs; the files that were written.

    Raises ValueError with all changes that would break a reader.
    """
    texts: dict[Path, str] = {}
    complaints: list[str] = []
    for name, kind in TOPIC_VALUES.items():
        path, schema = folder / f"{name}.avsc", derive(kind)
        texts[path] = render(schema)
        if not path.exists():
            continue
        before = path.read_text(encoding="utf-8")
        former = json.loads(before)
        for old in (former, *former_schemas(name, folder).values()):
            complaints += [line for line in breaks(old, schema) if line not in complaints]
        if fingerprint_of(former) != fingerprint_of(schema):
            texts[history_path(folder, name, fingerprint_of(former))] = before
    if complaints:
        raise ValueError("\n".join(complaints))
    return [path for path, text in sorted(texts.items()) if _write(path, text)]


def history_path(folder: Path, name: str, fingerprint: bytes) -> Path:
    """Where a former schema lies, by its fingerprint as it stands on the wire."""
    return folder / "history" / name / f"{fingerprint.hex()}.avsc"


def _write(path: Path, text: str) -> bool:
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return True


def main() -> int:
    """Write the schemas of this checkout; 1 where a change would break a reader."""
    folder = schemas_folder()
    try:
        written = write_schemas(folder)
    except ValueError as error:
        sys.stderr.write(
            f"{error}\nNothing was written: readers of the topics would break."
            f" Keep the old field and add a new one beside it ({folder.name}/README.md).\n"
        )
        return 1
    for path in written:
        sys.stdout.write(f"wrote {path.relative_to(folder.parent)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
