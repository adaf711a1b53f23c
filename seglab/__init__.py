"""SegLab's library: image segmentation by real networks, without the pages.

Importing the package costs nothing: torch is imported by the modules that need it.
"""

__version__ = "0.1.0"
