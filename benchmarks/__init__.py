"""Ours against a peer, in one run.

``python -m benchmarks NAME...`` or ``all``. Every module here with a function ``benchmarks()`` is one benchmark, named
after its file; a new paper adds a file and nothing else. The function returns `benchmarks.timing.Comparison`,
`benchmarks.timing.Growth` or `benchmarks.timing.Bound` objects, set up and ready to be timed.
"""
