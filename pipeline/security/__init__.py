"""Signatures and redaction. Pure: keys and times are arguments."""
