"""Metrics as pure functions of their sufficient statistics; each submodule opens by stating its conventions."""
