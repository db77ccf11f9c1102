"""Image files in the formats and modes that people have: each kind writes one picture to a path without a suffix."""

import struct
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

Writer = Callable[[Image.Image, Path], Any]


def write_kind(kind: str, path: Path, *, seed: int, size: tuple[int, int] = (6, 9)) -> None:
    """Writes a random picture of this kind; its folder is made where there is none. `size` is (height, width)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 4), dtype=np.uint8)
    KINDS[kind](Image.fromarray(pixels, "RGBA"), path)


def _saved(suffix: str, mode: str, **options: Any) -> Writer:
    return lambda image, path: image.convert(mode).save(path.with_name(f"{path.name}{suffix}"), **options)


def _turned(suffix: str, orientation: int) -> Writer:
    """As a viewer shows it the picture is as high and as wide as the others: what is stored lies on its side."""

    def write(image: Image.Image, path: Path) -> None:
        exif = Image.Exif()
        exif[0x0112] = orientation
        stored = image.convert("RGB")
        if 4 < orientation < 9:
            stored = stored.resize((stored.height, stored.width))
        stored.save(path.with_name(f"{path.name}{suffix}"), exif=exif)

    return write


def _palette(suffix: str, **options: Any) -> Writer:
    return lambda image, path: image.convert("RGB").quantize(8).save(path.with_name(f"{path.name}{suffix}"), **options)


def _frames(suffix: str, **options: Any) -> Writer:
    def write(image: Image.Image, path: Path) -> None:
        frames = [image.convert("RGB"), image.convert("RGB").transpose(Image.Transpose.ROTATE_180)]
        frames[0].save(path.with_name(f"{path.name}{suffix}"), save_all=True, append_images=frames[1:], **options)

    return write


def _deep_png(image: Image.Image, path: Path) -> None:
    """16 bits a colour, which Pillow does not write."""
    values = (np.asarray(image.convert("RGB")).astype(np.uint32) * 257).astype(">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in values)
    head = struct.pack(">IIBBBBB", image.width, image.height, 16, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    body = b"".join(struct.pack(">I", len(c)) + n + c + struct.pack(">I", zlib.crc32(n + c)) for n, c in chunks)
    path.with_name(f"{path.name}.png").write_bytes(b"\x89PNG\r\n\x1a\n" + body)


KINDS: Mapping[str, Writer] = {
    "png-rgb": _saved(".png", "RGB"),
    "png-l": _saved(".png", "L"),
    "png-1": _saved(".png", "1"),
    "png-la": _saved(".png", "LA"),
    "png-rgba": _saved(".png", "RGBA"),
    "png-l-key": _saved(".png", "L", transparency=7),
    "png-rgb-key": _saved(".png", "RGB", transparency=(1, 2, 3)),
    "png-p": _palette(".png"),
    "png-p-key": _palette(".png", transparency=2),
    "png-p-alpha": _palette(".png", transparency=bytes([0, 128] + [255] * 6)),
    "png-16": _deep_png,
    "png-frames": _frames(".png"),
    "png-upper": _saved(".PNG", "RGB"),
    "jpeg-rgb": _saved(".jpg", "RGB"),
    "jpeg-l": _saved(".jpeg", "L"),
    "jpeg-cmyk": _saved(".jpg", "CMYK"),
    "jpeg-progressive": _saved(".jpg", "RGB", progressive=True),
    "jpeg-as-png": _saved(".png", "RGB", format="JPEG"),
    "mpo": _frames(".jpg", format="MPO"),
    **{f"jpeg-turned-{n}": _turned(".jpg", n) for n in range(1, 9)},
    "png-turned": _turned(".png", 6),
    "tiff-turned": _turned(".tif", 6),
    "webp-turned": _turned(".webp", 8),
    "jpeg-turned-wrongly": _turned(".jpg", 99),
    "bmp-rgb": _saved(".bmp", "RGB"),
    "bmp-l": _saved(".bmp", "L"),
    "bmp-1": _saved(".bmp", "1"),
    "bmp-p": _palette(".bmp"),
    "bmp-rgba": _saved(".bmp", "RGBA"),
    "gif-p": _palette(".gif"),
    "gif-l": _saved(".gif", "L"),
    "gif-key": _palette(".gif", transparency=2),
    "gif-frames": _frames(".gif"),
    "webp-rgb": _saved(".webp", "RGB"),
    "webp-rgba": _saved(".webp", "RGBA", lossless=True),
    "webp-frames": _frames(".webp"),
    "tiff-rgb": _saved(".tif", "RGB"),
    "tiff-rgba": _saved(".tiff", "RGBA"),
    "tiff-l": _saved(".tif", "L", compression="tiff_lzw"),
    "tiff-1": _saved(".tif", "1"),
    "tiff-cmyk": _saved(".tif", "CMYK"),
    "tiff-frames": _frames(".tif"),
    "ppm": _saved(".ppm", "RGB"),
    "pgm": _saved(".pgm", "L"),
    "pbm": _saved(".pbm", "1"),
}  # fmt: skip
