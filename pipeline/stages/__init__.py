"""The deterministic steps of the stream. They meet in topics or through `forward`."""
