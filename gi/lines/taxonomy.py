"""Line types of symbols: torch's own classification as tables, without importing torch or LibCST.

A layer class is filed as the section of the `torch.nn` documentation that lists it, a function as the section of
`torch.nn.functional`, optimizers, schedules and image transforms as the module that holds them. Three sections have no
line type of their own: padding, vision and shuffle layers change a shape without weights and are `reshape`; sparse,
attention and transformer layers carry weights and are `connection`; containers and distances have no type.
`nn.MultiheadAttention`, which torch files under activations, is `connection`, and `torch.cat`, `stack` and `split`,
which take or give several tensors, have none.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from gi.core.types import LineType

# What the name of an implementing module becomes in public code; the first that fits is taken.
_PRIVATE = tuple(
    (re.compile(pattern), public)
    for pattern, public in (
        (r"torch\.nn\.modules\.(?:[a-z_]+\.)?(?=[A-Z])", "torch.nn."),
        (r"torch\.nn\.modules(?=\.|$)", "torch.nn"),
        (r"torch\._C\._nn\.", "torch.nn.functional."),
        (r"torch\.(?:functional|_C\._VariableFunctions|_VF)\.", "torch."),
        (r"torch\._C\._special\.special_", "torch.special."),
        # Schedules and averaging keep their module: it decides their type.
        (r"torch\.optim\._?(?!lr_scheduler\b|swa_utils\b)[a-z_]+\.(?=[A-Z])", "torch.optim."),
        (r"torchvision\.ops\.[a-z_]+\.", "torchvision.ops."),
        (r"torchvision\.transforms\.(?:transforms|autoaugment)\.", "torchvision.transforms."),
        (r"torchvision\.transforms\.v2\._[a-z_]+\.", "torchvision.transforms.v2."),
        (r"torchvision\.transforms\.v2\.functional\._[a-z_]+\.", "torchvision.transforms.v2.functional."),
    )
)


@dataclass(frozen=True, slots=True)
class LineRule:
    """The symbols of one type, with lines that it matches and near misses that it must not.

    `layers` live in `torch.nn`, `functions` in `torch.nn.functional`, and where `torch` has a function of the same
    name it counts too; `others` are whole symbols. `pattern` matches whole symbols of an open-ended namespace.
    """

    type: LineType
    layers: frozenset[str] = frozenset()
    functions: frozenset[str] = frozenset()
    others: frozenset[str] = frozenset()
    pattern: str = r"(?!)"  # matches nothing
    matches: tuple[str, ...] = ()
    near_misses: tuple[str, ...] = ()


def _names(text: str) -> frozenset[str]:
    """The names in a text; `X{1,2}` stands for X1 and X2."""
    out: list[str] = []
    for word in text.split():
        stem, _, tail = word.partition("{")
        ends, _, rest = tail.partition("}")
        out += [stem + end + rest for end in ends.split(",")]
    return frozenset(out)


RULES: tuple[LineRule, ...] = (
    LineRule(
        type=LineType.CONNECTION,
        layers=_names(
            "Conv{1,2,3}d ConvTranspose{1,2,3}d LazyConv{1,2,3}d LazyConvTranspose{1,2,3}d Fold Unfold Identity Linear "
            "Bilinear LazyLinear RNN{,Base,Cell,CellBase} LSTM{,Cell} GRU{,Cell} MultiheadAttention Transformer "
            "TransformerEncoder{,Layer} TransformerDecoder{,Layer} Embedding{,Bag}"
        ),
        functions=_names(
            "conv{1,2,3}d conv_transpose{1,2,3}d conv_tbc fold unfold linear bilinear embedding{,_bag} "
            "scaled_dot_product_attention multi_head_attention_forward"
        ),
        others=_names("torchvision.ops.DeformConv2d torchvision.ops.deform_conv2d"),
        matches=(
            "self.stem = nn.Conv2d(3, 64, 3, bias=False)",
            "layers.append(nn.Linear(2 * p, 100))",
            "y = F.scaled_dot_product_attention(q, k, v)",
            "self.attention = nn.MultiheadAttention(64, 4)",
        ),
        near_misses=("stem = conv(3, 64)", "self.act = nn.ReLU()", "net = nn.Sequential()", "y = torch.matmul(a, b)"),
    ),
    LineRule(
        type=LineType.ACTIVATION,
        layers=_names(
            "CELU ELU GELU GLU Hardshrink Hardsigmoid Hardswish Hardtanh LeakyReLU LogSigmoid LogSoftmax Mish PReLU "
            "RReLU ReLU ReLU6 SELU SiLU Sigmoid Softmax Softmax2d Softmin Softplus Softshrink Softsign Tanh Tanhshrink "
            "Threshold AdaptiveLogSoftmaxWithLoss"
        ),
        functions=_names(
            "celu{,_} elu{,_} gelu glu gumbel_softmax hardshrink hardsigmoid hardswish hardtanh{,_} leaky_relu{,_} "
            "log_softmax logsigmoid mish prelu relu{,_} relu6 rrelu{,_} selu{,_} sigmoid silu softmax softmin softplus "
            "softshrink softsign tanh tanhshrink threshold{,_}"
        ),
        others=_names("torch.sigmoid_ torch.tanh_ torch.special.expit torch.special.softmax torch.special.log_softmax"),
        matches=("x = F.relu(x)", "x = torch.sigmoid(x)", "self.act = nn.modules.activation.GELU()"),
        near_misses=("x = relu(x)", "x = self.act(x)", "kind = nn.ReLU", "y = torch.exp(x)"),
    ),
    LineRule(
        type=LineType.NORMALIZATION,
        layers=_names(
            "BatchNorm{1,2,3}d LazyBatchNorm{1,2,3}d SyncBatchNorm InstanceNorm{1,2,3}d LazyInstanceNorm{1,2,3}d "
            "GroupNorm LayerNorm LocalResponseNorm CrossMapLRN2d RMSNorm"
        ),
        functions=_names("batch_norm instance_norm group_norm layer_norm local_response_norm rms_norm normalize"),
        others=_names("torchvision.ops.FrozenBatchNorm2d"),
        matches=("self.bn = nn.BatchNorm2d(64)", "x = F.normalize(x, dim=1)", "x = torch.layer_norm(x, (8,))"),
        near_misses=("n = nn.utils.spectral_norm(layer)", "n = torch.norm(x)", "m = nn.SyncBatchNorm.convert(m)"),
    ),
    LineRule(
        type=LineType.POOLING,
        layers=_names(
            "MaxPool{1,2,3}d MaxUnpool{1,2,3}d AvgPool{1,2,3}d FractionalMaxPool{2,3}d LPPool{1,2,3}d "
            "AdaptiveMaxPool{1,2,3}d AdaptiveAvgPool{1,2,3}d"
        ),
        functions=_names(
            "max_pool{1,2,3}d max_pool{1,2,3}d_with_indices max_unpool{1,2,3}d avg_pool{1,2,3}d "
            "fractional_max_pool{2,3}d fractional_max_pool{2,3}d_with_indices lp_pool{1,2,3}d "
            "adaptive_max_pool{1,2,3}d adaptive_max_pool{1,2,3}d_with_indices adaptive_avg_pool{1,2,3}d"
        ),
        others=frozenset(
            f"torchvision.ops.{name}"
            for name in _names(
                "roi_align RoIAlign roi_pool RoIPool ps_roi_align PSRoIAlign ps_roi_pool PSRoIPool MultiScaleRoIAlign"
            )
        ),
        matches=("x = F.max_pool2d(x, 2)", "self.pool = nn.AdaptiveAvgPool2d(1)"),
        near_misses=("x = x.mean((2, 3))", "x = torch.max(x)", "x = self.pool(x)"),
    ),
    LineRule(
        type=LineType.REGULARIZATION,
        layers=_names("Dropout{,1d,2d,3d} AlphaDropout FeatureAlphaDropout"),
        functions=_names("dropout{,_,1d,2d,3d} alpha_dropout feature_dropout feature_alpha_dropout"),
        others=frozenset(
            f"torchvision.ops.{name}"
            for name in _names("stochastic_depth StochasticDepth drop_block2d DropBlock2d drop_block3d DropBlock3d")
        ),
        matches=("self.drop = nn.Dropout(p=0.5)", "x = F.dropout(x, self.p, self.training)"),
        near_misses=("x = drop_path(x)", "p = nn.Dropout"),
    ),
    LineRule(
        type=LineType.RESHAPE,
        layers=_names(
            "Flatten Unflatten PixelShuffle PixelUnshuffle ChannelShuffle Upsample UpsamplingNearest2d "
            "UpsamplingBilinear2d CircularPad{1,2,3}d ConstantPad{1,2,3}d ReflectionPad{1,2,3}d "
            "ReplicationPad{1,2,3}d ZeroPad{1,2,3}d"
        ),
        functions=_names(
            "pixel_shuffle pixel_unshuffle channel_shuffle native_channel_shuffle pad interpolate upsample "
            "upsample_nearest upsample_bilinear grid_sample"
        ),
        others=frozenset(
            f"torch.{name}"
            for name in _names(
                "flatten unflatten reshape permute transpose squeeze unsqueeze movedim moveaxis swapaxes swapdims "
                "ravel t"
            )
        )
        | _names("torchvision.ops.Permute"),
        matches=("x = torch.flatten(x, 1)", "self.flat = nn.Flatten()", "x = F.interpolate(x, scale_factor=2)"),
        near_misses=("x = torch.cat([x, y], 1)", "x = flatten(x)", "x = torch.zeros(3)"),
    ),
    LineRule(
        type=LineType.LOSS,
        layers=_names(
            "BCELoss BCEWithLogitsLoss CTCLoss CosineEmbeddingLoss CrossEntropyLoss GaussianNLLLoss HingeEmbeddingLoss "
            "HuberLoss KLDivLoss L1Loss LinearCrossEntropyLoss MSELoss MarginRankingLoss MultiLabelMarginLoss "
            "MultiLabelSoftMarginLoss MultiMarginLoss NLLLoss NLLLoss2d PoissonNLLLoss SmoothL1Loss SoftMarginLoss "
            "TripletMarginLoss TripletMarginWithDistanceLoss"
        ),
        functions=_names(
            "binary_cross_entropy{,_with_logits} cosine_embedding_loss cross_entropy ctc_loss gaussian_nll_loss "
            "hinge_embedding_loss huber_loss kl_div l1_loss linear_cross_entropy margin_ranking_loss mse_loss "
            "multi_margin_loss multilabel_margin_loss multilabel_soft_margin_loss nll_loss poisson_nll_loss "
            "smooth_l1_loss soft_margin_loss triplet_margin_loss triplet_margin_with_distance_loss"
        ),
        others=frozenset(
            f"torchvision.ops.{name}_loss"
            for name in _names("sigmoid_focal generalized_box_iou distance_box_iou complete_box_iou")
        ),
        matches=("loss = nn.CrossEntropyLoss(label_smoothing=0.05)", "loss = F.nll_loss(logits, labels)"),
        near_misses=("loss = criterion(logits, labels)", "loss.backward()", "d = nn.CosineSimilarity()"),
    ),
    LineRule(
        type=LineType.OPTIMIZER,
        # A class begins with a capital; the functions of these modules build none.
        pattern=r"torch\.optim\.[A-Z]\w*",
        matches=("optimizer = torch.optim.AdamW(net.parameters(), lr=0.003)", "o = optim.SGD(p, 0.1)"),
        near_misses=("optimizer.step()", "model = torch.optim.swa_utils.AveragedModel(net)"),
    ),
    LineRule(
        type=LineType.SCHEDULER,
        # `Optimizer` and `Counter` are names that torch's own module imports.
        pattern=r"torch\.optim\.(?:lr_scheduler\.(?!Optimizer\b|Counter\b)[A-Z]\w*|swa_utils\.SWALR)",
        matches=("s = torch.optim.lr_scheduler.OneCycleLR(o, 0.1, 10)", "s = optim.lr_scheduler.StepLR(o, 3)"),
        near_misses=("scheduler.step()", "s = torch.optim.swa_utils.update_bn(loader, net)"),
    ),
    LineRule(
        type=LineType.AUGMENTATION,
        pattern=(
            r"torchvision\.transforms\.(?:v2\.)?"
            # Enumerations are no transforms; `get_`, `is_` and `register_` ask something or set something up.
            r"(?:(?!InterpolationMode\b|AutoAugmentPolicy\b)[A-Z]\w*|functional\.(?!get_|_|is_|register_)[a-z]\w*)"
        ),
        matches=("t = v2.RandomCrop(32, padding=4)", "t = transforms.Compose([])", "x = TF.hflip(x)"),
        near_misses=("m = transforms.InterpolationMode('bilinear')", "n = TF.get_image_size(x)", "t = Compose([])"),
    ),
)

# Functions of `torch.nn.functional` that `torch` has under the same name, and the same name means something else there.
_NOT_IN_TORCH = frozenset({"normalize", "pad", "interpolate", "upsample", "linear", "unfold", "fold"})


def _exact() -> Mapping[str, LineType]:
    table: dict[str, LineType] = {}
    for rule in RULES:
        table.update((f"torch.nn.{name}", rule.type) for name in rule.layers)
        table.update((f"torch.nn.functional.{name}", rule.type) for name in rule.functions)
        table.update((f"torch.{name}", rule.type) for name in rule.functions - _NOT_IN_TORCH)
        table.update((name, rule.type) for name in rule.others)
    return MappingProxyType(table)


# Most symbols are looked up in one table; patterns cover namespaces that grow with torch's versions.
_EXACT = _exact()
_OPEN = tuple((re.compile(rule.pattern), rule.type) for rule in RULES if rule.pattern != "(?!)")


@lru_cache(maxsize=65536)
def canonical(symbol: str) -> str:
    """The public name of a symbol: "torch.nn.modules.conv.Conv2d" gives "torch.nn.Conv2d"."""
    if symbol.startswith("torch"):
        for pattern, public in _PRIVATE:
            symbol = pattern.sub(public, symbol, count=1) if pattern.match(symbol) else symbol
    return symbol


@lru_cache(maxsize=65536)
def line_type(symbol: str) -> LineType | None:
    """The type of a call of a qualified symbol, public or private; None where it has none.

    Classes that are not torch's have a type only through their bases: see `gi.lines.ClassIndex.type_of`.
    """
    name = canonical(symbol)
    if not name.startswith("torch"):
        return None
    return _EXACT.get(name) or next((kind for pattern, kind in _OPEN if pattern.fullmatch(name)), None)


_NAMESPACES = frozenset(
    # Rules with a pattern list no symbols that their namespaces could be read from.
    {name.rpartition(".")[0] for name in _EXACT}
    | {"torch.optim", "torch.optim.lr_scheduler", "torchvision.transforms", "torchvision.transforms.functional"}
    | {"torchvision.transforms.v2", "torchvision.transforms.v2.functional"}
)


def is_namespace(symbol: str) -> bool:
    """Whether a symbol is a module of torch or torchvision that holds typed symbols."""
    return symbol in _NAMESPACES
