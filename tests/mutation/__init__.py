"""The suite is proved by mutation: with any one fence condition removed it must fail.

`make mutation` takes the conditions out one at a time, in a copy of the tree, rebuilds, and runs the conformance suite
and the random walks. `python -m tests.mutation NAME …` tries only those named.
"""
