"""The edge: HTTP in. What comes is appended to the log; what is asked comes from a view of it."""
