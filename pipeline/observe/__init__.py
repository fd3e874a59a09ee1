"""How Tocsin is seen from outside: `table` declares every metric, `metrics` counts them, `logs`
writes what changes of state there are. What is counted per event is decided elsewhere.
"""
