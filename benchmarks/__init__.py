"""How fast rtcpy is, always beside aiortc in the same run, printed as ratios.

Machines are noisy: absolute times lie, ratios inside one run hardly do. CPU per unit of work is the figure to trust;
wall time is printed for orientation. Run `make bench`, or one case: `python -m benchmarks connect`.
"""
