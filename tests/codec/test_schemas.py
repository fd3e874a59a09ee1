"""The published files are those of the Structs, and `make schemas` keeps what they were."""

import json
from pathlib import Path
from typing import Any

import fastavro
import pytest
from msgspec import Struct, defstruct

from pipeline.codec import TOPIC_VALUES, derive, encode, schemas
from pipeline.codec.published import fingerprint_of, former_schemas, render, schemas_folder
from pipeline.codec.schemas import history_path, main, write_schemas
from pipeline.domain.alert import Alert
from tests.real import ROOT


@pytest.fixture
def topics(monkeypatch: pytest.MonkeyPatch) -> dict[str, type[Struct]]:
    """The topic values for one test: a single small one."""
    values = {"Gauge": defstruct("Gauge", [("name", str), ("value", float, float("nan"))])}
    monkeypatch.setattr(schemas, "TOPIC_VALUES", values)
    return values


@pytest.mark.parametrize("name", TOPIC_VALUES)
def test_a_file_is_what_its_struct_says(name: str) -> None:
    path = ROOT / "schemas" / f"{name}.avsc"
    assert path.read_text(encoding="utf-8") == render(derive(TOPIC_VALUES[name])), (
        "run `make schemas`"
    )


@pytest.mark.parametrize("name", TOPIC_VALUES)
def test_a_file_has_the_fingerprint_that_is_on_the_wire(name: str) -> None:
    published = json.loads((ROOT / "schemas" / f"{name}.avsc").read_text(encoding="utf-8"))
    assert fastavro.parse_schema(published)
    assert fingerprint_of(published) == fingerprint_of(derive(TOPIC_VALUES[name]))


def test_there_is_no_other_file() -> None:
    assert {path.stem for path in (ROOT / "schemas").glob("*.avsc")} == set(TOPIC_VALUES)
    assert schemas_folder() == ROOT / "schemas"


def test_every_former_schema_lies_under_its_fingerprint() -> None:
    for path in (ROOT / "schemas" / "history").rglob("*.avsc"):
        schema = json.loads(path.read_text(encoding="utf-8"))
        assert schema["name"] == path.parent.name
        assert fingerprint_of(schema).hex() == path.stem


def test_writing_twice_changes_nothing(tmp_path: Path) -> None:
    first = write_schemas(tmp_path)
    assert [path.name for path in first] == sorted(f"{name}.avsc" for name in TOPIC_VALUES)
    assert write_schemas(tmp_path) == []
    assert not (tmp_path / "history").exists()


def test_a_file_is_strict_json(tmp_path: Path, topics: dict[str, type[Struct]]) -> None:
    write_schemas(tmp_path)
    text = (tmp_path / "Gauge.avsc").read_text(encoding="utf-8")
    # JSON has no NaN: parse_constant is called for it.
    fields = json.loads(text, parse_constant=pytest.fail)["fields"]
    assert [field["default"] for field in fields] == ["", 0.0]


def test_an_added_field_keeps_the_former_schema(
    tmp_path: Path, topics: dict[str, type[Struct]]
) -> None:
    write_schemas(tmp_path)
    before = (tmp_path / "Gauge.avsc").read_text(encoding="utf-8")
    fingerprint = fingerprint_of(json.loads(before))
    topics["Gauge"] = defstruct("Gauge", [("name", str), ("value", float), ("unit", str)])
    kept = history_path(tmp_path, "Gauge", fingerprint)
    assert write_schemas(tmp_path) == [tmp_path / "Gauge.avsc", kept]
    assert kept.read_text(encoding="utf-8") == before
    assert former_schemas("Gauge", tmp_path) == {fingerprint: json.loads(before)}


def test_a_changed_doc_keeps_nothing(tmp_path: Path, topics: dict[str, type[Struct]]) -> None:
    write_schemas(tmp_path)
    topics["Gauge"].__doc__ = "What a meter shows."
    assert write_schemas(tmp_path) == [tmp_path / "Gauge.avsc"]
    assert former_schemas("Gauge", tmp_path) == {}


def test_what_breaks_readers_is_refused_as_a_whole(
    tmp_path: Path, topics: dict[str, type[Struct]]
) -> None:
    write_schemas(tmp_path)
    before = {path: path.read_text(encoding="utf-8") for path in tmp_path.rglob("*.avsc")}
    topics["Gauge"] = defstruct("Gauge", [("name", int)])
    topics["New"] = defstruct("New", [("name", str)])
    with pytest.raises(ValueError, match=r"Gauge\.name was string") as refused:
        write_schemas(tmp_path)
    assert "Gauge.value is gone" in str(refused.value)
    assert {path: path.read_text(encoding="utf-8") for path in tmp_path.rglob("*.avsc")} == before


def test_a_field_may_not_come_back_as_another_type(
    tmp_path: Path, topics: dict[str, type[Struct]]
) -> None:
    former = derive(defstruct("Gauge", [("name", str), ("value", float), ("unit", str)]))
    kept = history_path(tmp_path, "Gauge", fingerprint_of(former))
    kept.parent.mkdir(parents=True)
    kept.write_text(render(former), encoding="utf-8")
    write_without = derive(topics["Gauge"])
    (tmp_path / "Gauge.avsc").write_text(render(write_without), encoding="utf-8")
    topics["Gauge"] = defstruct("Gauge", [("name", str), ("value", float), ("unit", int)])
    with pytest.raises(ValueError, match=r"Gauge\.unit was string and is long"):
        write_schemas(tmp_path)


def test_the_command_says_what_it_wrote_or_why_not(
    tmp_path: Path,
    topics: dict[str, type[Struct]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "schemas"
    monkeypatch.setattr(schemas, "schemas_folder", lambda: folder)
    assert main() == 0
    assert capsys.readouterr().out == "wrote schemas/Gauge.avsc\n"
    topics["Gauge"] = defstruct("Gauge", [("name", str)])
    assert main() == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "Gauge.value is gone" in said.err
    assert "Nothing was written" in said.err


def test_the_reader_in_the_readme_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    readme = Path("schemas/README.md").read_text(encoding="utf-8")
    shown = readme.partition("```python\n")[2].partition("```")[0]
    scope: dict[str, Any] = {}
    exec(shown, scope)
    alert = Alert(alert_id="k-1", fingerprint="f", name="DiskFull", tags=("disk",), value=7.5)
    seen = scope["read"](encode(alert))
    assert (seen["alert_id"], seen["tags"], seen["value"]) == ("k-1", ["disk"], 7.5)
