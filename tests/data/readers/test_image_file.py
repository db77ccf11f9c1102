"""Pixels as a viewer shows them: the values, beside what Pillow itself says where it has a function for it."""

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from gi.data.readers.image_file import MOST_PIXELS, class_folders, image_files, read_image
from tests.data.image_kinds import write_kind

PICTURE = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)


@pytest.mark.parametrize("orientation", range(10))
@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp"])
def test_images_stand_upright(tmp_path: Path, orientation: int, suffix: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(PICTURE).save(tmp_path / f"a.{suffix}", exif=exif)
    with Image.open(tmp_path / f"a.{suffix}") as image:
        expected = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    assert np.array_equal(np.asarray(read_image(tmp_path / f"a.{suffix}")), expected)
    assert expected.shape == ((9, 6, 3) if 5 <= orientation <= 8 else (6, 9, 3))


def test_an_orientation_that_cannot_be_read_counts_as_none(tmp_path: Path) -> None:
    Image.fromarray(PICTURE).save(tmp_path / "a.png", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert np.array_equal(np.asarray(read_image(tmp_path / "a.png")), PICTURE)


@pytest.mark.parametrize(("mode", "colour"), [("RGBA", (0, 0, 0)), ("RGBA", (200, 10, 30)), ("LA", (40,))])
def test_transparent_parts_lie_on_white(tmp_path: Path, mode: str, colour: tuple[int, ...]) -> None:
    alpha = np.array([[0, 51, 102], [153, 204, 255]], np.uint8)
    pixels = np.concatenate([np.full((2, 3, len(colour)), colour, np.uint8), alpha[..., None]], axis=2)
    Image.fromarray(pixels, mode).save(tmp_path / "a.png")
    share = alpha[..., None] / 255
    expected = np.round(share * np.array(colour) + (1 - share) * 255).astype(int)
    read = np.asarray(read_image(tmp_path / "a.png")).reshape(expected.shape).astype(int)
    assert np.abs(read - expected).max() <= 1
    assert read[0, 0].tolist() == [255] * len(colour)
    assert read[1, 2].tolist() == list(colour)


@pytest.mark.parametrize(
    ("mode", "key", "clear"), [("L", 7, 7), ("RGB", (1, 2, 3), (1, 2, 3)), ("P", 1, 1), ("P", bytes([255, 0]), 1)]
)
def test_a_transparent_colour_is_white(tmp_path: Path, mode: str, key: Any, clear: Any) -> None:
    image = Image.new(mode, (4, 4), clear)
    if mode == "P":
        image.putpalette([9, 9, 9, 0, 0, 0])
        image.putpixel((0, 0), 0)
    image.save(tmp_path / "a.png", transparency=key)
    pixels = np.asarray(read_image(tmp_path / "a.png"))
    assert (pixels[1:] == 255).all()


@pytest.mark.parametrize("kind", ["png-l", "png-1", "png-la", "jpeg-l", "pgm", "bmp-l"])
def test_grey_files_stay_grey(tmp_path: Path, kind: str) -> None:
    write_kind(kind, tmp_path / "a", seed=0)
    assert read_image(next(tmp_path.iterdir())).mode == "L"


def test_the_upper_bits_of_deep_colours_are_read(tmp_path: Path) -> None:
    write_kind("png-16", tmp_path / "deep", seed=3)
    write_kind("png-rgb", tmp_path / "plain", seed=3)
    deep, plain = (np.asarray(read_image(tmp_path / f"{name}.png")) for name in ("deep", "plain"))
    assert np.array_equal(deep, plain)


@pytest.mark.parametrize("shape", [(64, 48), (480, 640)])
def test_images_are_shrunk_antialiased(tmp_path: Path, shape: tuple[int, int]) -> None:
    """A pattern of single pixels becomes its mean: taking every n-th pixel would leave it black or white."""
    pattern = (np.indices(shape).sum(axis=0) % 2 * 255).astype(np.uint8)
    Image.fromarray(pattern).save(tmp_path / "a.png")
    small = np.asarray(read_image(tmp_path / "a.png", (8, 6)))
    assert small.shape == (8, 6)
    assert np.abs(small.astype(int) - 127).max() <= 4


def test_a_large_photo_is_shrunk_to_what_it_shows(tmp_path: Path) -> None:
    ramp = np.repeat(np.linspace(0, 255, 1600).astype(np.uint8)[None], 1200, axis=0)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(ramp).save(tmp_path / "a.jpg", quality=95, exif=exif)
    small = np.asarray(read_image(tmp_path / "a.jpg", (16, 12))).astype(int)
    assert small.shape == (16, 12)
    assert np.abs(small - (np.arange(16)[:, None] + 0.5) * 16).max() <= 4


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", b"\x89PNG\r\n\x1a\n"]
)
def test_a_file_that_is_no_image_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(ValueError, match=r"a.png (is no image that can be read|cannot be decoded.*): mend"):
        read_image(tmp_path / "a.png")


@pytest.mark.parametrize("kind", ["png-rgb", "jpeg-rgb", "gif-p", "webp-rgb", "tiff-l", "bmp-p", "ppm"])
def test_a_damaged_file_is_one_line_or_an_image(tmp_path: Path, kind: str) -> None:
    write_kind(kind, tmp_path / "a", seed=0)
    path = next(tmp_path.iterdir())
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(whole), 4):
            damaged[place] = rng.integers(256)
        path.write_bytes(damaged[: rng.integers(1, len(whole) + 1)])
        with np.errstate(all="ignore"):
            try:
                read_image(path, (4, 4))
            except ValueError as error:
                assert "\n" not in str(error)  # noqa: PT017 (most of them raise, some are images all the same)


def test_a_small_file_that_unpacks_to_a_huge_image_is_refused_unread(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("gi.data.readers.image_file.MOST_PIXELS", 99)
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", None)
    Image.new("L", (20, 5)).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match="20 x 5 pixels, over 99"):
        read_image(tmp_path / "a.png")
    assert MOST_PIXELS == Image.MAX_IMAGE_PIXELS


def a_socket(path: Path) -> None:
    os.chdir(path.parent)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path.name)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (os.mkfifo, "is no regular file"),
        (a_socket, "is no regular file"),
        (lambda path: path.symlink_to("/dev/zero"), "is no regular file"),
        (lambda path: path.mkdir(), "is a folder"),
        (lambda path: path.symlink_to("/nowhere/x"), "is a link to nowhere"),
        (lambda path: path.symlink_to(path), "is a link to nowhere"),
    ],
)
def test_what_only_has_an_images_name_is_refused_unopened(
    tmp_path: Path, monkeypatch: Any, make: Callable[[Path], None], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "x.png")
    with pytest.raises(ValueError, match=f"x.png {message}: (rename|mend) or remove it."):
        image_files(tmp_path)


def test_hidden_entries_are_not_looked_at(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".x.png")
    (tmp_path / "._y.png").symlink_to("nowhere")
    (tmp_path / "__MACOSX").mkdir()
    assert image_files(tmp_path) == []
    assert class_folders(tmp_path) == {}


def test_a_class_name_that_is_no_utf8_is_one_line(tmp_path: Path) -> None:
    os.mkdir(os.fsencode(tmp_path) + b"/caf\xe9")  # noqa: PTH102 (a path in bytes)
    with pytest.raises(ValueError, match=r"name is no UTF-8, 'caf\\udce9': rename it"):
        class_folders(tmp_path)
