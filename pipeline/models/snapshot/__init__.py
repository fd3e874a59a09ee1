"""How a model is kept: named arrays in checksummed chunks, two slots, and what does not fit."""
