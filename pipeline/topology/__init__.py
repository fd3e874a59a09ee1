"""topology.yaml: read, checked with all complaints at once, and rendered as documentation."""
