"""Image features as an operator: from product photos or documents to one row an image, with Pillow and numpy alone.

`features(images)` reads files or bytes; call it in an asset of your own when a source brings images (example in docs/models.md).
What an image shows is not recognised here: that takes a model.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eco_assets.errors import DataRejected

if TYPE_CHECKING:
    import numpy as np
    from pandas import DataFrame

MAX_PIXELS = 50_000_000  # a decompression bomb is refused before it is decoded
WORKING_SIDE = 256  # pixels; statistics are taken on a copy of at most this side, so that they do not depend on the resolution much
COLOURS = 3
HASH_SIDE = 8
COLUMNS = {
    "image_id": "str",
    "sha256": "str",
    "width_px": "int64",
    "height_px": "int64",
    "aspect_ratio": "float64",  # width / height
    "brightness": "float64",  # mean luma, 0 (black) to 1 (white)
    "contrast": "float64",  # standard deviation of luma, 0 to 0.5
    "colourfulness": "float64",  # Hasler and Suesstrunk 2003, about 0 (grey) to 110
    "sharpness": "float64",  # variance of the Laplacian of luma (0 to 1), near 0 when blurred
    "background_share": "float64",  # share of nearly white pixels, 0 to 1
    **{f"colour_{place}": "str" for place in range(1, COLOURS + 1)},  # #rrggbb, the most frequent first
    **{f"colour_{place}_share": "float64" for place in range(1, COLOURS + 1)},
    "difference_hash": "str",  # 16 hex digits; copies of an image differ in few bits, see `distance`
}


def features(images: Mapping[str, Path | bytes]) -> DataFrame:
    """The features of each image.

    Args:
        images: path or content by `image_id`.

    Returns:
        The columns `COLUMNS` with their types, one row an image, in the order given. Colours an image lacks are missing.

    Raises:
        DataRejected: a file is no image, is cut off, or has more than 50 million pixels; the message names it.
    """
    import pandas as pd

    rows = [_row(name, source) for name, source in images.items()]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.astype(COLUMNS)


def distance(one: str, other: str) -> int:
    """In how many of 64 bits two `difference_hash` values differ; up to about 10 the images are copies of each other."""
    return (int(one, 16) ^ int(other, 16)).bit_count()


def _row(name: str, source: Path | bytes) -> dict[str, Any]:
    content = source if isinstance(source, bytes) else source.read_bytes()
    image = _decoded(name, content)
    width, height = image.size
    small = image.copy()
    small.thumbnail((WORKING_SIDE, WORKING_SIDE))
    return {
        "image_id": name,
        "sha256": hashlib.sha256(content).hexdigest(),
        "width_px": width,
        "height_px": height,
        "aspect_ratio": width / height,
        **_statistics(small),
        **_colours(small),
        "difference_hash": _difference_hash(image),
    }


def _decoded(name: str, content: bytes) -> Any:
    """The image as RGB, upright as its camera held it, on white where it is transparent."""
    from PIL import Image, ImageOps

    try:
        with Image.open(io.BytesIO(content)) as opened:
            if opened.width * opened.height > MAX_PIXELS:
                raise DataRejected(
                    f"image {name!r} has {opened.width} x {opened.height} pixels, more than {MAX_PIXELS:,}: send a smaller one"
                )
            upright = ImageOps.exif_transpose(opened).convert("RGBA")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:  # Pillow's ways to say that a file is broken
        raise DataRejected(f"image {name!r} cannot be read ({error}): send it again as PNG, JPEG or WebP") from error
    return Image.alpha_composite(Image.new("RGBA", upright.size, "white"), upright).convert("RGB")


def _statistics(small: Any) -> dict[str, float]:
    import numpy as np

    pixels = np.asarray(small, dtype=float) / 255
    red, green, blue = pixels[..., 0], pixels[..., 1], pixels[..., 2]
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    first, second = 255 * (red - green), 255 * ((red + green) / 2 - blue)
    return {
        "brightness": float(luma.mean()),
        "contrast": float(luma.std()),
        "colourfulness": float(np.hypot(first.std(), second.std()) + 0.3 * np.hypot(first.mean(), second.mean())),
        "sharpness": _laplacian_variance(luma),
        "background_share": float((pixels.min(axis=2) > 0.94).mean()),
    }


def _laplacian_variance(luma: np.ndarray) -> float:
    if min(luma.shape) < 3:
        return 0.0
    middle = luma[1:-1, 1:-1]
    return float((luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:] - 4 * middle).var())


def _colours(small: Any) -> dict[str, Any]:
    """The most frequent colours after a median cut to eight, with their share of the pixels."""
    import numpy as np

    reduced = small.quantize(8)
    palette = np.array(reduced.getpalette()).reshape(-1, 3)
    numbers, counts = np.unique(np.asarray(reduced), return_counts=True)
    order = np.argsort(-counts, kind="stable")[:COLOURS]
    found: dict[str, Any] = {}
    for place in range(1, COLOURS + 1):
        is_there = place <= len(order)
        at = order[place - 1] if is_there else 0
        found[f"colour_{place}"] = "#{:02x}{:02x}{:02x}".format(*palette[numbers[at]]) if is_there else None
        found[f"colour_{place}_share"] = float(counts[at] / counts.sum()) if is_there else float("nan")
    return found


def _difference_hash(image: Any) -> str:
    """Whether each of 8 x 8 grey cells is darker than the one on its right (dHash)."""
    import numpy as np

    grey = np.asarray(image.convert("L").resize((HASH_SIDE + 1, HASH_SIDE)), dtype=int)
    bits = (grey[:, :-1] < grey[:, 1:]).ravel()
    return f"{int(''.join('1' if bit else '0' for bit in bits), 2):016x}"
