"""The same figures on transformers, mixers and networks of raw parameters of public repositories.

    pip install einops==0.8.2
    python experiments/06-variation/tokens.py --tries 100 --seed 7 --jobs 2

Reads the files from clones in `--repositories DIR` where they are, else fetches each repository at its pinned commit
into `--scratch`. Every file is one of a published repository under a permissive licence, built small (two blocks, 64
wide), because only shapes are asked after. Four of the nine import einops. Writes tokens.jsonl and tokens.json beside
this script, and prints the tables.
"""

import argparse
import json
import tempfile
from pathlib import Path

from files import ModelFile, text_of
from tables import printed, summarised
from tries import Subject
from variation import HERE, read, run

from gi.core.types import Task

COLOUR = Task((3, 32, 32), 10)
SMALL_VIT = "dim=64, depth=2, heads=4, mlp_dim=128"
FILES = (
    ModelFile(
        "vit-raw", ("https://github.com/asyml/vision-transformer-pytorch", "2d8828948e7ab122f5db11fd67cb7b46c6bb6823"),
        "src/model.py", "VisionTransformer(image_size=(32, 32), patch_size=(8, 8), emb_dim=64, mlp_dim=128, "
        "num_heads=4, num_layers=2, num_classes=10)", COLOUR,
    ),
    ModelFile(
        "vit-timm-like", ("https://github.com/jankrepl/mildlyoverfitted", "22f0ecc67cef14267ee91ff2e4df6bf9f6d65bc2"),
        "github_adventures/vision_transformer/custom.py",
        "VisionTransformer(img_size=32, patch_size=8, n_classes=10, embed_dim=64, depth=2, n_heads=4)", COLOUR,
    ),
    ModelFile(
        "vit-deit", ("https://github.com/osmr/pytorchcv", "7f31dc8fe521e99012ac863a946e10a314118c16"),
        "pytorchcv/models/others/_other/oth_vit.py",
        "VisionTransformer((32, 32), (8, 8), num_classes=10, embed_dim=64, depth=2, num_heads=4)", COLOUR,
    ),
    ModelFile(
        "resmlp",
        ("https://github.com/xmu-xiaoma666/External-Attention-pytorch", "d75848e40233ed56fa503c888472bab8b17c568c"),
        "model/mlp/resmlp.py", "ResMLP(dim=64, image_size=32, patch_size=8, depth=2, class_num=10)", COLOUR,
    ),
    ModelFile(
        "convmixer", ("https://github.com/locuslab/convmixer", "47048118e95721a00385bfe3122519f4b583b26e"),
        "convmixer.py", "ConvMixer(64, 2, kernel_size=5, patch_size=4, n_classes=10)", COLOUR,
    ),
    ModelFile(
        "mixer", ("https://github.com/rishikksh20/MLP-Mixer-pytorch", "8badd62ba03c5c1f478f6380cfa71ef8ed528f4c"),
        "mlp-mixer.py", "MLPMixer(in_channels=3, image_size=32, patch_size=8, num_classes=10, dim=64, depth=2, "
        "token_dim=32, channel_dim=128)", COLOUR,
    ),
    ModelFile(
        "mixer-conv1d",
        ("https://github.com/kentaroy47/vision-transformers-cifar10", "5bb83d36018b314c3020558541015bb01bce15bc"),
        "models/mlpmixer.py",
        "MLPMixer(image_size=32, channels=3, patch_size=8, dim=64, depth=2, num_classes=10)", COLOUR,
    ),
    ModelFile(
        "vit-einops",
        ("https://github.com/kentaroy47/vision-transformers-cifar10", "5bb83d36018b314c3020558541015bb01bce15bc"),
        "models/vit.py", f"ViT(image_size=32, patch_size=8, num_classes=10, {SMALL_VIT})", COLOUR,
    ),
    ModelFile(
        "simple-vit", ("https://github.com/lucidrains/vit-pytorch", "69d24fe9e3024c0d4b02761123b8583a24ebed1e"),
        "vit_pytorch/simple_vit.py", f"SimpleViT(image_size=32, patch_size=8, num_classes=10, {SMALL_VIT})", COLOUR,
    ),
)  # fmt: skip


def main() -> None:
    """Makes the tries that are missing, and prints the tables."""
    options = arguments()
    files = [f for f in FILES if not options.files or f.name in options.files]
    subjects = [Subject(f.name, text_of(f, options.repositories, options.scratch), f.entry, f.task) for f in files]
    rows = options.rows.split(",")
    run(subjects, rows, options)
    records = [r for r in read(options.out) if r["seed"] == options.seed and r["row"] in rows]
    summary = summarised(r for r in records if r["index"] < options.tries)
    options.out.with_suffix(".json").write_text(json.dumps(summary, indent=1) + "\n")
    print(printed(summary))


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tries", type=int, default=100, help="for each file and row")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rows", default="single,5 edits")
    parser.add_argument("--files", nargs="*", help="only these, by name")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--repositories", type=Path, help="a folder of clones: NAME, OWNER/NAME or OWNER+NAME")
    parser.add_argument("--scratch", type=Path, default=Path(tempfile.gettempdir(), "gi-variation"))
    parser.add_argument("--out", type=Path, default=HERE / "tokens.jsonl")
    return parser.parse_args()


if __name__ == "__main__":
    main()
