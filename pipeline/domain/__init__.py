"""The values, words and protocols that every other layer shares. Nothing here does I/O."""
