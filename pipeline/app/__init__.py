"""The composition root: the only room that knows everybody.

`compose` builds the agents that topology.yaml declares; `embedded` runs them in one process.
"""
