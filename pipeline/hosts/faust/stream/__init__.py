"""What we change of Faust: a message is a batch, and an epoch is one transaction."""
