"""The table of rules by operator type: families that keep channels, move them or mix them."""

from collections.abc import Mapping

from gi.kernels.channels import keeping, mixing

_SAME = {
    "Relu", "LeakyRelu", "PRelu", "Sigmoid", "Tanh", "Elu", "Selu", "Celu", "Clip", "HardSigmoid", "HardSwish",
    "Softplus", "Softsign", "Mish", "Gelu", "Swish", "ThresholdedRelu", "Shrink", "Erf", "Exp", "Log", "Sqrt", "Abs",
    "Neg", "Sign", "Floor", "Ceil", "Round", "Reciprocal", "Not", "Sin", "Cos", "Tan", "Asin", "Acos", "Atan", "Sinh",
    "Cosh", "Asinh", "Acosh", "Atanh", "IsNaN", "IsInf", "Identity", "Dropout", "Cast", "CastLike",
    "BatchNormalization", "InstanceNormalization", "LayerNormalization", "GroupNormalization", "RMSNormalization",
    "LRN", "MeanVarianceNormalization", "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "Scale",
    "Affine", "ImageScaler", "ParametricSoftplus", "ScaledTanh", "FastGelu", "QuickGelu", "QLinearLeakyRelu",
    "QLinearSigmoid",
}  # fmt: skip
_JOINED = {
    "Add", "Sub", "Mul", "Div", "Pow", "Sum", "Mean", "Max", "Min", "Mod", "Where", "And", "Or", "Xor", "Equal",
    "Greater", "Less", "GreaterOrEqual", "LessOrEqual", "BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor",
}  # fmt: skip
REDUCTIONS = {
    f"Reduce{name}"
    for name in ("Mean", "Sum", "Max", "Min", "L1", "L2", "LogSum", "LogSumExp", "SumSquare", "Prod")
}  # fmt: skip
_POOLS = ("MaxPool", "AveragePool", "LpPool", "QLinearAveragePool")
_WHOLE_POOLS = ("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool", "QLinearGlobalAveragePool")
_ALONG_AN_AXIS = ("Softmax", "LogSoftmax", "Hardmax", "LpNormalization")
#: Operators that may mix all channels of a layer, at which tracing ends.
MERGING = REDUCTIONS | {"ArgMax", "ArgMin", "AdaptivePool", *_POOLS, *_WHOLE_POOLS, *_ALONG_AN_AXIS}
SAME = frozenset(_SAME)

RULES: Mapping[str, keeping.Rule] = (
    dict.fromkeys(_SAME, keeping.same)
    | dict.fromkeys(_JOINED, keeping.joined)
    | dict.fromkeys(REDUCTIONS, mixing.reduced)
    | dict.fromkeys(_POOLS, keeping.pooled)
    | dict.fromkeys(_WHOLE_POOLS, keeping.pooled_to_one)
    | dict.fromkeys(("Resize", "Upsample"), keeping.resized)
    | dict.fromkeys(_ALONG_AN_AXIS, mixing.normalized_along)
    | dict.fromkeys(("MatMul", "MatMulInteger"), mixing.multiplied)
    | dict.fromkeys(("ArgMax", "ArgMin"), mixing.indexed)
    | {
        "Concat": keeping.concatenated,
        "Pad": keeping.padded,
        "Expand": keeping.broadcast,
        "Tile": keeping.tiled,
        "GridSample": keeping.sampled,
        "AdaptivePool": keeping.pooled_to_size,
        "CumSum": mixing.summed_up,
        "Gemm": mixing.affine,
    }
)
#: Operators that only move values, evaluated on channel numbers in place of values.
MOVING = {
    "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten", "Slice", "Split", "Gather", "GatherND", "GatherElements",
    "DepthToSpace", "SpaceToDepth", "Compress", "ReverseSequence",
}  # fmt: skip
#: Operators that overwrite values at constant places.
SCATTERING = {"ScatterND", "ScatterElements", "Scatter"}
DOMAINS = {"", "com.microsoft", "gi"}  # gi: what `gi.jobs.index.tracing` writes
