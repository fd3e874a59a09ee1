"""The view: what the log says, arranged for questions, in a SQLite file that can be rebuilt."""

from pipeline.edge.view.view import Question, View

__all__ = ["Question", "View"]
