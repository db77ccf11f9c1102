"""One image file of any kind as the network takes it, for readers of data sets that are no image files themselves."""

import torch

from gi.export.readers.refusal import refusal


def read_picture(path: str, shape: tuple[int, int, int]) -> torch.Tensor:
    """Read an image file as bytes of `shape` (channels, height, width): in its colours, brought to its size."""
    try:
        from PIL import Image, ImageOps  # here, so that nothing else of the file needs it
    except ImportError:
        raise refusal("Pillow is needed to read image files: pip install pillow.") from None
    channels, height, width = shape
    try:
        with Image.open(path) as image:
            picture = ImageOps.exif_transpose(image).convert("L" if channels == 1 else "RGB")
    except Exception as problem:  # Pillow's readers raise nearly everything for a damaged file
        raise refusal(f"{path} is no image that can be read: {problem}") from None
    if picture.size != (width, height):
        picture = picture.resize((width, height), Image.Resampling.BICUBIC)
    pixels = torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8)
    return pixels.reshape(height, width, channels).permute(2, 0, 1)
