"""The commands of `python -m seglab`: one module each, with `add` (its arguments) and `run` (→ exit status).

A contract: scripts outside the project call these commands. Results go to files or stdout, everything else (progress,
warnings, errors) to stderr. Exit status: 0 all well, 1 something failed, 2 wrong arguments, 130 stopped by Ctrl-C.
What needs torch is imported when a command runs, so that `--help` and `models` answer at once.
"""
