"""The engine: a Task runs one agent's chain of stages over a batch and returns Effects.

It knows no broker and no database. `task` is what to read first, then `context` (what a stage
sees), `tables` (overlays), `wakes` (timers), `keep` (the end of decide's chain).
"""

from pipeline.engine.agent import Agent
from pipeline.engine.effects import Effects
from pipeline.engine.globals import Globals
from pipeline.engine.memory import MemoryStore
from pipeline.engine.task import Task

__all__ = ["Agent", "Effects", "Globals", "MemoryStore", "Task"]
