"""What Watchpost costs, against the limit of the machine and against named peers: `python -m benchmarks [--quick]`.

Each file of this folder that has a `plan` is one benchmark; contenders run in processes of their own, warm, in turns.
"""
