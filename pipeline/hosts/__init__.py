"""Hosts: where tasks run, and what makes their effects durable."""
