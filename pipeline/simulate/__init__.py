"""Simulated neighbours with their real rules, and with faults on demand."""
