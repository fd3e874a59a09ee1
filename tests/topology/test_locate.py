"""Files beside the code are found in a checkout and in a wheel."""

from pathlib import Path

import pytest

from pipeline.domain.errors import UsageError
from pipeline.topology.locate import locate
from tests.real import ROOT


@pytest.mark.parametrize("name", ["topology.yaml", "schemas", "schemas/Alert.avsc"])
def test_a_checkout_has_it_at_the_top(name: str) -> None:
    assert locate(name) == ROOT / name


def test_a_wheel_has_it_in_the_package_and_never_looks_beside_it(tmp_path: Path) -> None:
    package = tmp_path / "pipeline"
    (package / "_data").mkdir(parents=True)
    for path in (package / "_data" / "topology.yaml", tmp_path / "topology.yaml"):
        path.write_text("version: 1\n", encoding="utf-8")
    assert locate("topology.yaml", package) == package / "_data" / "topology.yaml"


def test_what_is_nowhere_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"topology\.yaml is not beside the program"):
        locate("topology.yaml", tmp_path / "pipeline")
