import platform
import subprocess
import sys

import pytest

CODE = """
from pipeline.models.softmax.kept import SoftmaxKind
from tests.checks.model import digest, taught
print(digest(taught(SoftmaxKind(), 400)))
"""


def learned(**environment: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", CODE],
        env={"PYTHONPATH": ":".join(sys.path)} | environment,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()


@pytest.mark.skipif(platform.machine() != "x86_64", reason="switches off what only x86-64 has")
def test_a_processor_without_wide_vectors_learns_the_same_bytes() -> None:
    assert learned(NPY_DISABLE_CPU_FEATURES="X86_V4 X86_V3", PYTHONHASHSEED="1") == learned(
        PYTHONHASHSEED="2"
    )
