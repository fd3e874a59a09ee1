"""State of the tasks on this machine: stores under a changelog, restored, warm or looked up.

`rocks` and `memory` are the stores, `restore` brings one up to its changelog, `standby` keeps
others warm, `globals` reads the compacted topics that every task looks up, `slot` is the folder
under which all of it lies.
"""
