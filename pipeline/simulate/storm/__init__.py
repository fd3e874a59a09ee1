"""A recorded storm of twenty seconds: what a real Alertmanager sent, and what else goes wrong.

`storm.jsonl` holds the bodies that Alertmanager posted when services failed one after another,
each posted twice as by a pair of Alertmanagers, and beside them flapping, repeated, late and bad
ones. `catalog.yaml` says who needs whom, `topology.yaml` by which rules the demo runs.
"""

from pipeline.simulate.storm.play import Answered, play
from pipeline.simulate.storm.recording import FOLDER, Recording, Step, read_recording

__all__ = ["FOLDER", "Answered", "Recording", "Step", "play", "read_recording"]
