"""The twin: a seeded, small, coherent business in the very file layouts of the public data, with the truth beside it.

`generate` is the only door. Add a module for a new domain's files and name its `build` in `generate.PARTS`; nothing
here reads the lake, and nothing but an evaluation reads `_truth.json`.
"""

from eco_assets.twin.generate import generate

__all__ = ["generate"]
