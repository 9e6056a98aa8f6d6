"""Image features on images made here: colours, light, blur, copies, and files that are no images."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from eco_assets.errors import DataRejected
from ml import image_features
from ml.image_features import COLUMNS, features


def packshot(colour: tuple[int, int, int], size: int = 320) -> Image.Image:
    """A product of one colour and a dark stripe on a white ground."""
    pixels = np.full((size, size, 3), 255, dtype=np.uint8)
    pixels[size // 4 : size * 3 // 4, size // 4 : size * 3 // 4] = colour
    pixels[size // 2 : size // 2 + size // 20, size // 4 : size * 3 // 4] = 20
    return Image.fromarray(pixels)


def as_png(image: Image.Image) -> bytes:
    held = io.BytesIO()
    image.save(held, format="PNG")
    return held.getvalue()


def test_a_product_photo_from_a_file_gives_size_colours_and_light(tmp_path: Path) -> None:
    packshot((200, 30, 30)).resize((320, 160)).save(tmp_path / "produto.png")
    table = features({"produto": tmp_path / "produto.png"})
    row = table.iloc[0]
    assert (row["width_px"], row["height_px"], row["aspect_ratio"]) == (320, 160, 2.0)
    assert row["colour_1"] == "#ffffff"
    assert row["background_share"] == pytest.approx(0.75, abs=0.02)
    red, green, blue = (int(row["colour_2"][at : at + 2], 16) for at in (1, 3, 5))
    assert red > 180 > 60 > max(green, blue)
    assert {name: str(kind) for name, kind in table.dtypes.items()} == COLUMNS


def test_a_blurred_photo_is_less_sharp_and_a_dark_one_less_bright() -> None:
    sharp = packshot((30, 90, 200))
    blurred = sharp.filter(ImageFilter.GaussianBlur(4))
    dark = sharp.point(lambda value: value // 4)
    table = features({"sharp": as_png(sharp), "blurred": as_png(blurred), "dark": as_png(dark)}).set_index("image_id")
    assert table.loc["blurred", "sharpness"] < table.loc["sharp", "sharpness"] / 5
    assert table.loc["dark", "brightness"] < table.loc["sharp", "brightness"] / 3


def test_a_grey_photo_has_no_colour() -> None:
    table = features({"grey": as_png(packshot((120, 120, 120))), "red": as_png(packshot((220, 20, 20)))})
    assert table["colourfulness"].iloc[0] == pytest.approx(0, abs=0.1)
    assert table["colourfulness"].iloc[1] > 30


def test_a_smaller_copy_is_recognised_and_another_photo_is_not() -> None:
    rng = np.random.default_rng(0)
    one, other = (Image.fromarray(rng.integers(0, 255, (12, 12, 3), dtype=np.uint8)).resize((240, 240)) for _ in range(2))
    hashes = features({"one": as_png(one), "copy": as_png(one.resize((100, 100))), "other": as_png(other)})["difference_hash"]
    assert image_features.distance(hashes[0], hashes[1]) <= 6
    assert image_features.distance(hashes[0], hashes[2]) > 12


def test_a_transparent_image_lies_on_white_and_one_pixel_is_an_image() -> None:
    table = features({"clear": as_png(Image.new("RGBA", (40, 40), (0, 0, 0, 0))), "dot": as_png(Image.new("RGB", (1, 1), "black"))})
    assert table["brightness"].tolist() == [pytest.approx(1.0), 0.0]
    assert table["colour_2"].isna().all()
    assert table["sharpness"].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("content", [b"", b"not an image", as_png(packshot((1, 2, 3)))[:200]], ids=["empty", "text", "cut off"])
def test_what_is_no_image_is_refused_by_name(content: bytes) -> None:
    with pytest.raises(DataRejected, match="'foto-7' cannot be read"):
        features({"foto-7": content})


def test_an_image_of_too_many_pixels_is_refused_before_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_features, "MAX_PIXELS", 1000)
    with pytest.raises(DataRejected, match="send a smaller one"):
        features({"big": as_png(Image.new("RGB", (100, 100)))})


def test_no_images_give_the_same_columns() -> None:
    assert {name: str(kind) for name, kind in features({}).dtypes.items()} == COLUMNS
