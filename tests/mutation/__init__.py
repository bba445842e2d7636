"""The suite is proved by mutation: with any one fence condition removed it must fail.

`make mutation` takes the conditions out one at a time, in a copy of the tree, rebuilds, and runs the conformance suite
and the random walks. Scripts of the Redis store are changed when they are sent, and that store's own tests run; its
conformance suite follows, with a build, where they do not notice. With `python -m tests.mutation NAME …` only those
named are tried.
"""
