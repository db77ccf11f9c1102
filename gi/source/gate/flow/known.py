"""What is known by name of Python's and torch's own: what gives numbers, what keeps, calls or gives back.

What is not listed here counts as keeping everything that it is given, and as giving it out again.
"""

#: Layers that hold layers, and take more.
HOLDING = frozenset(
    f"torch.nn.{name}" for name in ("ModuleList", "ModuleDict", "Sequential", "ParameterList", "ParameterDict")
)
#: Of these, some that make what they hold themselves.
FILLED = frozenset(f"torchvision.ops.{name}" for name in ("Conv2dNormActivation", "Conv3dNormActivation", "MLP"))
#: What a class may derive from so that its objects are layers and have no more of torch's than every layer.
PLAIN_LAYERS = HOLDING | {"torch.nn.Module"}
#: What a class may derive from without torch calling what it is given.
KNOWN_BASES = PLAIN_LAYERS | {"typing.NamedTuple", "enum.Enum", "torch.autograd.Function"}
#: What a class may derive from so that its objects have elements.
WITH_ELEMENTS = HOLDING | FILLED | {"typing.NamedTuple"}

# Attributes -----------------------------------------------------------------------------------------------------------

#: What a layer of torch was built with, as it was given; what it knows of itself.
OF_LAYERS = frozenset({
    "in_features", "out_features", "in_channels", "out_channels", "num_features", "kernel_size", "stride", "padding",
    "dilation", "groups", "normalized_shape", "embed_dim", "num_heads", "eps", "momentum", "p", "inplace",
    "padding_mode", "hidden_size", "num_layers", "affine", "output_size",
})  # fmt: skip
NUMBERS_OF_LAYERS = frozenset({"training", "shape", "dtype", "device", "ndim"})
OF_TENSORS = frozenset({"T", "H", "mT", "mH", "data", "real", "imag", "values", "indices"})
NUMBERS_OF_TENSORS = frozenset({"shape", "dtype", "device", "ndim", "requires_grad", "is_leaf"})

# Methods --------------------------------------------------------------------------------------------------------------

OF_TEXTS = frozenset({
    "format", "join", "lower", "upper", "strip", "lstrip", "rstrip", "split", "replace", "startswith", "endswith",
    "removeprefix", "removesuffix", "isdigit", "is_integer", "index", "count",
})  # fmt: skip
LISTS_OF_TEXTS = frozenset({"split", "rsplit", "splitlines", "partition", "rpartition"})
#: Of containers, those that leave them as they are, and those that change them.
READING = frozenset({
    "get", "items", "values", "keys", "copy", "index", "count", "issubset", "issuperset", "isdisjoint", "union",
    "intersection", "difference",
})  # fmt: skip
GROWING = frozenset({
    "append", "extend", "insert", "pop", "remove", "sort", "reverse", "update", "setdefault", "clear", "popitem",
    "move_to_end",
})  # fmt: skip
OF_CONTAINERS = READING | GROWING | {"add", "discard"}
#: Methods that change a container, or a module, in place. Those of tensors end in "_" and are `kept_tensors`' concern.
CHANGING = GROWING | {
    "add_module", "register_buffer", "register_parameter", "requires_grad_", "apply", "reset_parameters",
}  # fmt: skip
#: Methods that change of a tensor what is no value of it: what the next call finds so is a mark, and nobody counts it.
RESHAPING = frozenset({
    "as_strided_", "detach_", "materialize", "moveaxis_", "rename_", "squeeze_", "swapaxes_", "swapdims_", "t_",
    "transpose_", "unsqueeze_",
})  # fmt: skip
#: Methods that give the weights of a module another type, or the module another mode.
CONVERTING = frozenset({"to", "type", "float", "double", "half", "bfloat16", "train", "eval"})
#: Methods of modules that give the module itself, and those by which it gets layers.
GIVING_ITSELF = CONVERTING | {"requires_grad_", "apply"}
ADDING = frozenset({"append", "insert", "extend", "update", "add_module", "register_module", "setdefault"})
#: Methods of tensors that give numbers.
NUMBERS = frozenset({"item", "numel", "nelement", "size", "dim", "ndimension", "stride", "element_size", "get_device"})

# Functions ------------------------------------------------------------------------------------------------------------

PLAIN_FUNCTIONS = frozenset({
    "int", "float", "bool", "len", "str", "repr", "callable", "isinstance", "issubclass", "range", "all", "any", "type",
    "object", "inspect.isclass", "inspect.isfunction", "torch.device", "torch.Size", "torch.finfo", "torch.iinfo",
    "torch.autocast", "torch.amp.autocast", "torch.numel", "torch.is_tensor", "torch.is_floating_point",
    "torch.is_grad_enabled", "torch.is_autocast_enabled", "torch.is_autocast_cpu_enabled", "torch.get_autocast_dtype",
    "torch.get_autocast_cpu_dtype", "torch.get_autocast_gpu_dtype", "torch.get_default_dtype",
    "torch.cuda.is_available", "torch.backends.mps.is_available", "torch.nn.init.calculate_gain",
    "torch.nn.init._calculate_fan_in_and_fan_out",
})  # fmt: skip
#: Modules of classes that are layers, optimizers, schedules and transforms.
OF_CLASSES = frozenset({
    "torch.nn", "torch.nn.quantized", "torch.ao.quantization", "torch.optim", "torch.optim.lr_scheduler",
    "torchvision.ops", "torchvision.ops.misc", "torchvision.transforms", "torchvision.transforms.v2",
    "torch.nn.modules.batchnorm", "torch.nn.modules.instancenorm", "torch.nn.modules.conv",
})  # fmt: skip
PARAMETERS = frozenset({"Parameter", "Buffer", "UninitializedParameter"})
#: Of torch's, what may call a function or a layer that it is given; all else takes numbers, texts and tensors.
_CALLING = (
    "torchvision.", "torch.optim.", "torch.ao.", "torch.jit.", "torch.nn.utils.", "torch.nn.quantized.",
    "torch.nn.Transformer", "torch.nn.TripletMarginWithDistanceLoss", "torch.utils.", "torch.autograd.",
    "torch.nn.functional.triplet_margin_with_distance_loss",
)  # fmt: skip
#: Functions that may give back what they get first, as it came.
PASSING_FIRST = ("torch.nn.functional.", "torchvision.", "torch.nn.init.", "torch.nn.utils.")
#: Functions that give back any of what they get.
PASS = "typing.cast"
PASSING = frozenset({PASS, "torch._assert", "torch._assert_async", "torch.jit.annotate"})
#: Functions that give back the function or class that they get, or what does so.
MARKING = frozenset(
    {"torch.no_grad", "torch.jit.unused", "torch.jit.ignore", "torch.jit.export", "dataclasses.dataclass"}
)
#: Functions that call methods of what they get, `print(file=x)` for one.
WRITING = frozenset({"print", "warnings.warn"})


def may_call(name: str) -> bool:
    """Whether something of torch's may call a function or a layer that it is given."""
    return name.startswith(_CALLING)
