"""Simulated neighbours: what Tocsin talks to, played with its real rules and with faults on demand."""
