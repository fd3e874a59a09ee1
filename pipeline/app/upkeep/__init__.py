"""What a running Tocsin does for itself: it measures, proves its own way, says when it is ill, and
lets go of what is old. `upkeep` puts the jobs together; each of the others is one job.
"""
