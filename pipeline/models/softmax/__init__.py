"""The hashed multi-head softmax: constant memory, learned one outcome at a time."""
