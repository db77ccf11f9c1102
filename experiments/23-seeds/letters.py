"""Letters of the fonts that come with matplotlib, turned, slanted, moved and in noise: a set that no table reports."""

from pathlib import Path

import numpy as np
from matplotlib import get_data_path
from PIL import Image, ImageDraw, ImageFont

SIDE, DRAWN = (
    20,
    60,
)  # pixels of an image, and of the canvas that a letter is drawn on before it is brought down to that
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
COUNT = 12_000
_WITH_LETTERS = ("DejaVuSans", "DejaVuSerif", "STIXGeneral", "cmr10", "cmss10", "cmtt10", "cmb10")  # others hold signs


def write_letters(path: Path) -> None:
    """Writes `COUNT` images of 20x20 and their classes, 26 letters, as .npz, the same bytes of pixels each time."""
    files = sorted(Path(get_data_path(), "fonts", "ttf").glob("*.ttf"))
    known = [f for f in files if f.stem.startswith(_WITH_LETTERS) and "Display" not in f.stem]
    fonts = [ImageFont.truetype(str(f), 44) for f in known]
    rng = np.random.default_rng(0)
    labels = np.arange(COUNT) % len(LETTERS)
    images = np.stack([_image(LETTERS[label], fonts[rng.integers(len(fonts))], rng) for label in labels])
    np.savez(path, x_train=images, y_train=labels)


def _image(letter: str, font: ImageFont.FreeTypeFont, rng: np.random.Generator) -> np.ndarray:
    """(20, 20) uint8."""
    canvas = Image.new("L", (DRAWN, DRAWN))
    ImageDraw.Draw(canvas).text((DRAWN / 2, DRAWN / 2), letter, fill=255, font=font, anchor="mm")
    angle, slant, scale = rng.uniform(-0.4, 0.4), rng.uniform(-0.3, 0.3), rng.uniform(0.8, 1.3)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = turn @ np.array([[1.0, slant], [0.0, 1.0]]) / scale
    shift = DRAWN / 2 - matrix @ (np.full(2, DRAWN / 2) + rng.uniform(-8, 8, 2))
    moved = canvas.transform(
        canvas.size, Image.Transform.AFFINE, (*matrix[0], shift[0], *matrix[1], shift[1]), Image.Resampling.BILINEAR
    )
    pixels = np.asarray(moved.resize((SIDE, SIDE), Image.Resampling.BOX), dtype=np.float64)
    return np.clip(pixels * rng.uniform(0.5, 1.0) + rng.normal(0, 30, pixels.shape), 0, 255).astype(np.uint8)
