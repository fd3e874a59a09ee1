"""One head of the hashed softmax as a River classifier, for pipelines, metrics and ensembles.

Takes what River's text transformers give: a dictionary of features. A name with a true or numeric
value that is not 0 is one active token, a text value is the token `name=value`; how often a word
occurs does not count.
"""

from __future__ import annotations

import math
from typing import Any

from river import base

from pipeline.domain.model import ROWS_MAX, Features
from pipeline.models.features.hashing import ROWS, RowCache
from pipeline.models.softmax.head import chances
from pipeline.models.softmax.model import Softmax

_HEAD = "label"


def _is_active(value: Any) -> bool:
    if isinstance(value, float) and math.isnan(value):
        return False
    return bool(value)


class HashedSoftmax(base.Classifier):
    """A softmax over hashed tokens with AdaGrad, in constant memory.

    Parameters
    ----------
    labels_max
        How many labels it holds at a time; see `softmax.labels` for what happens at the limit.
    rows
        Rows of the table; memory is rows x labels_max x 8 bytes.

    """

    def __init__(self, labels_max: int = 32, rows: int = ROWS) -> None:
        self.labels_max = labels_max
        self.rows = rows
        self._model = Softmax({_HEAD: labels_max}, rows)
        self._cache = RowCache()
        self._classes: dict[str, Any] = {}

    @property
    def _multiclass(self) -> bool:
        return True

    def learn_one(self, x: dict[Any, Any], y: Any) -> None:
        """Learn one label; at most ROWS_MAX features count, by name."""
        self._model.learn(self._features(x), {_HEAD: self._name(y)})

    def predict_proba_one(self, x: dict[Any, Any], **_: Any) -> dict[Any, float]:
        """The probability of each label known; {} before the first."""
        head, table = self._model.heads[0], self._model.table
        if not head.labels.names:
            return {}
        odds = table.gather(self._features(x).rows)[1].sum(axis=0).tolist()
        found = chances(odds[: len(head.labels.names)], 1.0)
        return {
            self._classes[name]: chance
            for name, chance in zip(head.labels.names, found, strict=True)
        }

    def _name(self, y: Any) -> str:
        name = repr(y)
        if name not in self._classes:
            known = self._model.heads[0].labels.columns
            self._classes = {each: self._classes[each] for each in known} | {name: y}
        return name

    def _features(self, x: dict[Any, Any]) -> Features:
        tokens = sorted(
            f"{name}={value}" if isinstance(value, str) else str(name)
            for name, value in x.items()
            if _is_active(value)
        )
        rows = {self._cache[token] % self.rows for token in tokens[:ROWS_MAX]}
        return Features(tuple(sorted(rows)))
