from collections.abc import Callable

import pytest

from pipeline.domain.model import ModelKind, Subject
from pipeline.models.softmax.kept import SoftmaxKind
from tests.checks.model import CHECKS

KINDS: tuple[ModelKind[Subject], ...] = (SoftmaxKind(),)


@pytest.mark.parametrize("check_law", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_every_kind_keeps_every_law(
    kind: ModelKind[Subject], check_law: Callable[[ModelKind[Subject]], None]
) -> None:
    check_law(kind)
