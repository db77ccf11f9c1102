"""Class folders and image files, read as a viewer shows them: upright, transparent parts on white, 8 bits a value.

gi decodes image folders with these functions, and an exported file has this module's text in it: what gi decoded and
what that file decodes cannot differ. So it imports Pillow and the standard library alone, and raises a `ValueError`
with one line for the user. Pillow is imported where a file is read: building the network or training it on other
tensors needs none.
"""

import pathlib
import stat
import unicodedata
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from PIL import Image

T = TypeVar("T")

SUFFIXES = (".png", ".jpg", ".jpeg", ".jfif", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pbm", ".pnm")
# Read by content: pictures from the web are often misnamed. Not all that Pillow knows: EPS would start Ghostscript.
FORMATS = ("PNG", "JPEG", "BMP", "DIB", "GIF", "TIFF", "WEBP", "PPM")
# What file managers and archivers leave beside pictures.
SYSTEM_FOLDERS = ("__MACOSX", "__pycache__", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "lost+found")
GREY_MODES = ("1", "L", "LA", "La")
DEEP_MODES = ("I", "F")
MOST_PIXELS = (
    89_478_485  # Pillow's own bound: a small file that unpacks to more is an attack, or needs its owner's care
)
# What turns an image upright, by its orientation tag: names of `Image.Transpose`.
UPRIGHT = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}


def is_hidden(name: str) -> bool:
    """Whether an entry of this name is none of the user's: a hidden one, or a file manager's folder."""
    return name.startswith(".") or name in SYSTEM_FOLDERS


def is_image_name(name: str) -> bool:
    """Whether a file of this name has to be an image."""
    return not is_hidden(name) and pathlib.PurePath(name).suffix.lower() in SUFFIXES


def class_folders(part: pathlib.Path) -> dict[str, pathlib.Path]:
    """The folders of the classes by name, sorted; names in composed form (NFC), as a Mac's archive decomposes them."""
    folders = sorted((entry for entry in part.iterdir() if not is_hidden(entry.name)), key=lambda entry: entry.name)
    classes: dict[str, pathlib.Path] = {}
    for folder in folders:
        name = unicodedata.normalize("NFC", folder.name)
        if not folder.is_dir():
            continue
        if name in classes:
            raise ValueError(f"{part} holds two folders of one name, {name!r} and {folder.name!r}: merge them.")
        if not name.isascii() and any("\ud800" <= char <= "\udfff" for char in name):
            raise ValueError(f"{part} holds a class folder whose name is no UTF-8, {name!r}: rename it.")
        classes[name] = folder
    return dict(sorted(classes.items()))


def image_files(folder: pathlib.Path) -> list[pathlib.Path]:
    """The image files directly in a folder, sorted. Raises `ValueError` for what only has an image's name."""
    files = sorted(entry for entry in folder.iterdir() if is_image_name(entry.name))
    for path in files:
        require_regular(path)
    return files


def require_regular(path: pathlib.Path) -> None:
    """Raises `ValueError` for a pipe, a device, a folder or a link to nowhere: opening one may wait for ever."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        what = "a link to nowhere" if path.is_symlink() else f"not to be read ({error.strerror})"
        raise ValueError(f"{path} is {what}: mend or remove it.") from None
    if not stat.S_ISREG(mode):
        raise ValueError(f"{path} is {'a folder' if stat.S_ISDIR(mode) else 'no regular file'}: rename or remove it.")


def read_image(path: pathlib.Path, size: tuple[int, int] | None = None) -> "Image.Image":
    """The first frame of a file, in mode "L" where the file is grey, else "RGB".

    It is turned as its orientation tag says, put on white where it is transparent, and brought to `size` (height,
    width), antialiased, without regard to its proportions. Raises `ValueError`.
    """
    return with_image(path, lambda image: shown(image, size))


def with_image(path: pathlib.Path, read: Callable[["Image.Image"], T]) -> T:
    """What `read` makes of a file that is opened and not yet decoded. Raises `ValueError` where that cannot be."""
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        raise ValueError("Pillow is needed to read image files: pip install pillow.") from None
    Image.init()  # else a reader that is named in FORMATS and was not needed before is missing
    try:
        with Image.open(path, formats=FORMATS) as image:
            problem = unfit(image)
            if not problem:
                return read(image)
    except UnidentifiedImageError:
        problem = "is no image that can be read: mend or remove it."
    except Exception as error:  # Pillow's readers raise nearly everything for a damaged file
        said = " ".join(str(error).split())[:120] or type(error).__name__
        problem = f"cannot be decoded ({said}): mend or remove it."
    raise ValueError(f"{path} {problem}")


def shown(image: "Image.Image", size: tuple[int, int] | None) -> "Image.Image":
    """The image as a viewer shows it, at `size` (height, width) if given."""
    if size is None:
        return on_white(upright(image))
    image.draft(image.mode, (3 * max(size), 3 * max(size)))  # a JPEG, at a fraction of its size: no loss is to be seen
    return scaled(on_white(upright(image)), size)


def unfit(image: "Image.Image") -> str:
    """What its header says against decoding an image, "" where nothing does."""
    if image.width * image.height > MOST_PIXELS:
        return f"has {image.width} x {image.height} pixels, over {MOST_PIXELS:,}: resize or remove it."
    if image.mode.startswith(DEEP_MODES):
        return f"has more than 8 bits a value ({image.mode}): convert it to 8 bits first."
    return ""


def upright(image: "Image.Image") -> "Image.Image":
    """The image turned as its orientation tag says; a tag that cannot be read counts as none, as in a viewer."""
    from PIL import Image

    image.load()
    try:
        orientation = image.getexif().get(0x0112)
    except Exception:
        return image
    return image.transpose(Image.Transpose[UPRIGHT[orientation]]) if orientation in UPRIGHT else image


def on_white(image: "Image.Image") -> "Image.Image":
    """Mode "L" or "RGB", transparent parts on white: colour is arbitrary, mostly black, where nothing is to be seen."""
    mode = "L" if image.mode in GREY_MODES else "RGB"
    if not image.has_transparency_data:
        return image.convert(mode)
    from PIL import Image

    image = image.convert(f"{mode}A")
    ground = Image.new(mode, image.size, "white")
    ground.paste(image.convert(mode), mask=image.getchannel("A"))
    return ground


def scaled(picture: "Image.Image", size: tuple[int, int]) -> "Image.Image":
    """The picture brought to `size` (height, width), antialiased; as it is where it has that size."""
    from PIL import Image

    return picture.resize((size[1], size[0]), Image.Resampling.BICUBIC)
