"""The tests mirror pipeline/; real.py finds the real parts they use, wait.py waits."""
