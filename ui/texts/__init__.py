"""The words that people read, one module per page, so that a translation replaces files and no code."""
