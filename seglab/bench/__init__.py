"""What `python -m seglab bench` measures: one module per bench, and `sides`, which they share.

Each module has `add(subparsers)`, which adds its arguments, and `run(args)`, which measures and prints. None imports
torch when it is loaded: `--help` answers at once.
"""
