"""Writes the names that the gate allows, from the installed torch and torchvision.

Command: `python experiments/26-gate/allowed.py`.

The file is committed, so that the driver need not import torch. A torch with more functions needs it written again.
"""

import ast
import enum
import inspect
import json
import pkgutil
import textwrap
import types
from collections import OrderedDict
from functools import partial
from pathlib import Path

import torch
from torch import nn
from torch.overrides import get_overridable_functions

from gi.core.compat import allow_torchvision

allow_torchvision()

from torchvision import ops, transforms  # noqa: E402
from torchvision.transforms import v2  # noqa: E402

HERE = Path(__file__).parent
FILE = HERE.parent.parent / "gi" / "source" / "gate" / "names.json"

MODULES = {
    "collections",
    "enum",
    "types",
    "torch.amp",
    "torch.ao",
    "torch.ao.quantization",
    "torch.autograd",
    "copy",
    "dataclasses",
    "numbers",
    "operator",
    "torch.nn.modules",
    "torch.nn.modules.batchnorm",
    "torch.nn.modules.conv",
    "torch.nn.modules.instancenorm",
    "torch.nn.modules.utils",
    "functools",
    "math",
    "torch",
    "torch.fft",
    "torch.linalg",
    "torch.nn",
    "torch.nn.functional",
    "torch.nn.init",
    "torch.jit",
    "torch.nn.parameter",
    "collections.abc",
    "itertools",
    "warnings",
    "torch.optim",
    "torch.optim.lr_scheduler",
    "torch.special",
    "torch.cuda",
    "torch.backends",
    "torch.backends.mps",
    "torch.nn.quantized",
    "torch.nn.utils",
    "torch.nn.utils.parametrizations",
    "torch.utils",
    "torch.utils.checkpoint",
    "torchvision",
    "torchvision.ops",
    "torchvision.transforms",
    "torchvision.transforms.functional",
    "torchvision.transforms.v2",
    "torchvision.transforms.v2.functional",
    "typing",
}

#: Functions and attributes of tensors that lead out of the arithmetic: to memory, other processes, devices, files,
#: hooks, foreign objects, the autograd graph, or to storage of another size.
OUTSIDE = {
    "apply_",
    "map_",
    "map2_",
    "numpy",
    "resize_",
    "resize_as_",
    "resize_as_sparse_",
    "resize",
    "resize_as",
    "set_",
    "set_data",
    "share_memory_",
    "is_shared",
    "storage",
    "storage_offset",
    "storage_type",
    "untyped_storage",
    "register_hook",
    "register_post_accumulate_grad_hook",
    "data_ptr",
    "pin_memory",
    "is_pinned",
    "record_stream",
    "cuda",
    "xpu",
    "ipu",
    "mtia",
    "cpu",
    "module_load",
    "backward",
    "grad",
    "grad_fn",
    "grad_dtype",
    "retain_grad",
    "retains_grad",
    "name",
    "output_nr",
    "volatile",
    "reinforce",
    "autocast",
    "from_file",
    "type",
    "new",
    "lobpcg",
    "view_as_complex_copy",
    "tensor_split_copy",
    "rename_",
    "rename",
    "names",
    "dlpack",
    "compile",
    "save",
    "load",
    "to_mkldnn",
    "const_data_ptr",
    "sparse_resize_",
    "sparse_resize_and_clear_",
}
#: Kernels of one device or of the quantiser: nobody writes them, and some take raw memory.
OUTSIDE_KERNELS = ("miopen_", "cudnn_", "mkldnn_", "fbgemm_", "quantized_", "quantize_", "native_", "sym_")
OUTSIDE_MODULES = {"Container", "SyncBatchNorm", "LinearCrossEntropyOptions"}

EXTRAS = {
    *(
        f"torch.{n}"
        for n in [
            "Tensor",
            "Size",
            "BoolTensor",
            "FloatTensor",
            "IntTensor",
            "LongTensor",
            "device",
            "dtype",
            "arange",
            "as_tensor",
            "empty",
            "eye",
            "full",
            "linspace",
            "logspace",
            "ones",
            "rand",
            "randint",
            "randn",
            "randperm",
            "tensor",
            "tril_indices",
            "triu_indices",
            "zeros",
            "zeros_like",
            "ones_like",
            "full_like",
            "rand_like",
            "randn_like",
            "empty_like",
            "no_grad",
            "bfloat16",
            "bool",
            "double",
            "float",
            "float16",
            "float32",
            "float64",
            "half",
            "int",
            "int8",
            "int16",
            "int32",
            "int64",
            "long",
            "short",
            "uint8",
            "inf",
            "pi",
            "nan",
            "e",
            "contiguous_format",
            "channels_last",
            "finfo",
            "iinfo",
            "newaxis",
            "strided",
            "preserve_format",
            "uint16",
            "uint32",
            "uint64",
        ]
    ),
    *(f"torch.nn.{n}" for n in ("Parameter", "Buffer", "UninitializedParameter")),
    "torch.nn.parameter.Parameter",
    "torch.cuda.is_available",
    "torch.backends.mps.is_available",
    # They hook the layer that they are given themselves, with code of torch's own.
    *(f"torch.nn.utils.{n}" for n in ("weight_norm", "spectral_norm")),
    *(f"torch.nn.utils.parametrizations.{n}" for n in ("weight_norm", "spectral_norm", "orthogonal")),
    "torch.utils.checkpoint.checkpoint",
    "torch.nn.quantized.FloatFunctional",
    *(
        f"math.{n}"
        for n in [
            "sqrt",
            "log",
            "log2",
            "log10",
            "log1p",
            "exp",
            "ceil",
            "floor",
            "pi",
            "e",
            "inf",
            "prod",
            "sin",
            "cos",
            "tan",
            "tanh",
            "pow",
            "isqrt",
            "gcd",
            "isclose",
            "isfinite",
            "isinf",
            "isnan",
            "trunc",
            "erf",
            "hypot",
            "fabs",
        ]
    ),
    *(
        f"typing.{n}"
        for n in [
            "Any",
            "Callable",
            "Dict",
            "Final",
            "Iterable",
            "Iterator",
            "List",
            "Literal",
            "Mapping",
            "NamedTuple",
            "Optional",
            "Sequence",
            "Set",
            "Tuple",
            "Type",
            "TypeVar",
            "Union",
            "cast",
        ]
    ),
    "collections.OrderedDict",
    "functools.partial",
    "functools.reduce",
    "copy.copy",
    "copy.deepcopy",
    "dataclasses.dataclass",
    "inspect.isfunction",
    "inspect.isclass",
    *(f"numbers.{n}" for n in ("Number", "Real", "Integral")),
    *(f"operator.{n}" for n in ("add", "mul", "sub", "truediv", "floordiv")),
    # They write a number as often as a layer has dimensions.
    # The classes that layers of a kind have in common, which are asked for.
    "torch.nn.modules.batchnorm._BatchNorm",
    "torch.nn.modules.instancenorm._InstanceNorm",
    "torch.nn.modules.conv._ConvNd",
    "torchvision.ops.misc.FrozenBatchNorm2d",
    *(f"torch.nn.modules.utils.{n}" for n in ("_single", "_pair", "_triple", "_quadruple", "_reverse_repeat_tuple")),
    "torch.jit.Final",
    # What a program cannot set, and may ask.
    "torch.is_autocast_enabled",
    "torch.is_autocast_cpu_enabled",
    *(f"torch.get_{n}" for n in ("autocast_dtype", "autocast_cpu_dtype", "autocast_gpu_dtype", "default_dtype")),
    "torch.is_grad_enabled",
    "collections.namedtuple",
    "torch.jit.is_scripting",
    "torch.jit.is_tracing",
    "torch.jit.unused",
    "torch.jit.ignore",
    "torch.jit.export",
    "torch._assert",
    "torch._assert_async",
    "warnings.warn",
    "itertools.repeat",
    "itertools.chain",
    "itertools.product",
    # Asked for in `isinstance` and nowhere else (`gi.source.gate.names`).
    "types.FunctionType",
    "torch.jit.annotate",
    "torch.jit.annotations.List",
    "torch.nn.init._calculate_fan_in_and_fan_out",
    "enum.Enum",
    "torch.autograd.Function",
    # They give back what they get till a quantiser has replaced them.
    "torch.ao.quantization.QuantStub",
    "torch.ao.quantization.DeQuantStub",
    "torch.nn.functional.hardsigmoid",
    "torch.nn.functional.hardswish",
    "torch.nn.functional.sigmoid",
    "torch.nn.functional.tanh",
    "torch.is_tensor",
    "torch.complex64",
    "torch.hann_window",
    *(f"collections.abc.{n}" for n in ["Callable", "Iterable", "Iterator", "Mapping", "Sequence"]),
}
#: As contexts that turn mixed precision off, and as nothing else (`gi.source.gate.syntax`).
CONTEXTS = {"torch.autocast", "torch.amp.autocast"}
NO_EXTRAS = {"math.pow", "typing.TypeVar"}

#: Of images as tensors; none encodes, decodes or converts to another library's images.
TRANSFORM_FUNCTIONS = [
    "adjust_brightness",
    "adjust_contrast",
    "adjust_gamma",
    "adjust_hue",
    "adjust_saturation",
    "adjust_sharpness",
    "affine",
    "autocontrast",
    "center_crop",
    "convert_image_dtype",
    "crop",
    "elastic",
    "elastic_transform",
    "equalize",
    "erase",
    "five_crop",
    "gaussian_blur",
    "gaussian_noise",
    "get_dimensions",
    "get_image_size",
    "hflip",
    "horizontal_flip",
    "invert",
    "normalize",
    "pad",
    "permute_channels",
    "perspective",
    "posterize",
    "resize",
    "resized_crop",
    "rgb_to_grayscale",
    "rotate",
    "solarize",
    "ten_crop",
    "to_dtype",
    "to_dtype_image",
    "to_grayscale",
    "to_image",
    "to_tensor",
    "vertical_flip",
    "vflip",
    "InterpolationMode",
]
#: The transforms that call what they are given, or read what is in a file, are none.
NO_TRANSFORMS = {"Lambda", "Transform", "PILToTensor", "ToPILImage", "JPEG"}
OPS = [
    "Conv2dNormActivation",
    "Conv3dNormActivation",
    "DeformConv2d",
    "DropBlock2d",
    "DropBlock3d",
    "FrozenBatchNorm2d",
    "MLP",
    "Permute",
    "SqueezeExcitation",
    "StochasticDepth",
    "complete_box_iou_loss",
    "deform_conv2d",
    "distance_box_iou_loss",
    "drop_block2d",
    "drop_block3d",
    "generalized_box_iou_loss",
    "sigmoid_focal_loss",
    "stochastic_depth",
]

CONTAINERS = [
    "append",
    "extend",
    "insert",
    "pop",
    "remove",
    "index",
    "count",
    "sort",
    "reverse",
    "copy",
    "keys",
    "values",
    "items",
    "get",
    "update",
    "setdefault",
    "clear",
    "popitem",
    "move_to_end",
    "startswith",
    "endswith",
    "split",
    "join",
    "lower",
    "upper",
    "strip",
    "replace",
    "lstrip",
    "rstrip",
    "isdigit",
    "is_integer",
    "isidentifier",
    "isupper",
    "islower",
    "issubset",
    "issuperset",
    "isdisjoint",
    "union",
    "intersection",
    "difference",
    "removeprefix",
    "removesuffix",
]
MODULE = [
    "parameters",
    "named_parameters",
    "buffers",
    "named_buffers",
    "modules",
    "named_modules",
    "children",
    "named_children",
    "add_module",
    "register_buffer",
    "register_parameter",
    "training",
    "apply",
    "forward",
    "requires_grad_",
    "reset_parameters",
]
OTHERS = [
    "new_zeros",
    "new_empty",
    "type",
    "save_for_backward",
    "saved_tensors",
    "needs_input_grad",
    "new_ones",
    "new_full",
    "new_tensor",
    "unflatten",
    "add_relu",
    "weight",
    "bias",
    "shape",
    "dtype",
    "device",
    "ndim",
    "real",
    "imag",
    "T",
    "H",
    "mT",
    "mH",
    "data",
    "requires_grad",
    "is_leaf",
    "min",
    "max",
    "eps",
    "tiny",
    "BILINEAR",
    "NEAREST",
    "NEAREST_EXACT",
    "BICUBIC",
    "LANCZOS",
    "BOX",
    "HAMMING",
]


#: Names that a class may give to what is its own though something else has them too: numbers and plain functions.
HARMLESS = {
    "base",
    "bits",
    "choose",
    "compress",
    "flat",
    "metadata",
    "resolution",
    "decode",
    "encode",
    "get_params",
    "strides",
    "_scale",
    "args",
    "base_lrs",
    "center",
    "defaults",
    "gamma",
    "keywords",
    "optimizer",
    "partition",
    "predict",
    "start",
    "step_size",
    "stop",
    "title",
    "transform",
    "windows",
    "fill",
    "find",
    "start_dim",
    "classes",
}

#: Methods of tensors that torch gave up, so that nobody calls one on what a network or a loss gives: a layer of a
#: program's own may bear such a name.
UNCALLED = {"eig", "lstsq", "reinforce", "resize", "resize_as", "solve", "symeig", "volatile"}

#: Builtins that neither look names up, nor compile, nor open, nor keep a place in what they go through.
BUILTINS = [
    "abs",
    "all",
    "any",
    "bool",
    "callable",
    "dict",
    "divmod",
    "enumerate",
    "filter",
    "float",
    "frozenset",
    "int",
    "isinstance",
    "issubclass",
    "len",
    "list",
    "map",
    "max",
    "min",
    "object",
    "print",
    "property",
    "range",
    "repr",
    "reversed",
    "round",
    "sorted",
    "staticmethod",
    "str",
    "sum",
    "super",
    "tuple",
    "zip",
    "ArithmeticError",
    "AssertionError",
    "AttributeError",
    "Exception",
    "ImportError",
    "LookupError",
    "OSError",
    "OverflowError",
    "UserWarning",
    "DeprecationWarning",
    "FutureWarning",
    "ZeroDivisionError",
    "IndexError",
    "KeyError",
    "NotImplementedError",
    "RuntimeError",
    "TypeError",
    "ValueError",
]
#: Calls that give a layer an attribute by its name.
REGISTERING = {"register_buffer", "register_parameter", "register_module", "add_module", "setattr"}


def overridable() -> set[str]:
    functions = {id(f) for group in get_overridable_functions().values() for f in group}
    spaces = {
        "torch": torch,
        "torch.nn.functional": nn.functional,
        "torch.linalg": torch.linalg,
        "torch.fft": torch.fft,
        "torch.special": torch.special,
    }
    return {
        f"{space}.{name}"
        for space, module in spaces.items()
        for name in dir(module)
        if id(getattr(module, name, None)) in functions
    }


def tensor_attributes() -> set[str]:
    functions = {id(f) for group in get_overridable_functions().values() for f in group}
    found = {
        n
        for n in dir(torch.Tensor)
        if id(inspect.getattr_static(torch.Tensor, n)) in functions or id(getattr(torch.Tensor, n, None)) in functions
    }
    return found | {n for n in dir(torch.Tensor) if isinstance(inspect.getattr_static(torch.Tensor, n), property)}


def classes_in(module: types.ModuleType) -> set[str]:
    return {
        n
        for n, value in vars(module).items()
        if inspect.isclass(value) and not n.startswith("_") and value.__module__.startswith(module.__name__)
    }


def public(names: set[str]) -> set[str]:
    last = {n: n.rpartition(".")[2] for n in names}
    return {n for n in names if not last[n].startswith(("_", *OUTSIDE_KERNELS)) and last[n] not in OUTSIDE}


def kinds() -> list[object]:
    """What a value of a program may be, or lead to: everything that these have as an attribute is named or denied."""
    net = nn.Linear(2, 2)
    optimizer = torch.optim.SGD(net.parameters(), lr=1.0)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1)
    generator = (i for i in ())
    try:
        raise ValueError
    except ValueError as error:
        trace = error.__traceback__
    layers = [getattr(nn, n) for n in nn.modules.__all__]
    schedulers = [getattr(torch.optim.lr_scheduler, n) for n in classes_in(torch.optim.lr_scheduler)]
    optimizers = [getattr(torch.optim, n) for n in classes_in(torch.optim)]
    every = [getattr(m, n) for m in (v2, transforms) for n in dir(m) if inspect.isclass(getattr(m, n))]
    return [
        torch.zeros(1),
        nn.Module(),
        net,
        optimizer,
        scheduler,
        generator,
        trace,
        trace.tb_frame,
        kinds,
        kinds.__code__,
        type,
        object,
        [],
        {},
        (),
        set(),
        frozenset(),
        "",
        b"",
        1,
        1.0,
        1j,
        True,
        None,
        range(1),
        slice(1),
        ValueError(),
        OrderedDict(),
        partial(kinds),
        len,
        nn.Module.parameters,
        torch.float32,
        torch.device("cpu"),
        torch.Size(),
        torch.Generator(),
        zip(),
        enumerate([]),
        map(kinds, []),
        torch.nn.Parameter,
        torch.strided,
        types.CoroutineType,
        types.MethodType,
        property(),
        staticmethod(kinds),
        classmethod(kinds),
        memoryview(b""),
        torch.zeros(1).numpy(),
        torch.zeros(1).untyped_storage(),
        torch.autograd.function.FunctionCtx,
        torch.autograd.function.BackwardCFunction,
        torch.zeros(1, requires_grad=True).sum().grad_fn,
        torch.autocast("cpu"),
        torch.finfo(torch.float32),
        enum.Enum,
        StopIteration(),
        OSError(),
        *layers,
        *schedulers,
        *optimizers,
        *every,
        *(getattr(ops, n) for n in OPS),
    ]


def layers_among(names: set[str]) -> set[type]:
    """The classes of layers, optimizers, schedules and transforms among qualified names, with their bases."""
    found = {value for value in map(pkgutil.resolve_name, names) if inspect.isclass(value)}
    found = {one for one in found if one.__module__.startswith(("torch.nn", "torch.optim", "torch.ao", "torchvision"))}
    bases = {base for one in found if not issubclass(one, torch.Tensor) for base in one.__mro__}
    return bases - {object}


def set_by_classes(classes: set[type]) -> set[str]:
    """The attributes that methods of classes set on their objects: no class has them, and `dir` does not tell them."""
    found: set[str] = set()
    for one in classes:
        try:
            tree = ast.parse(textwrap.dedent(inspect.getsource(one)))
        except (OSError, TypeError):  # written in another language
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                found.add(node.attr)
            elif isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in REGISTERING:
                found |= {a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)}
    return found


def of_tensors_alone(denied: set[str], of_layers: set[str]) -> set[str]:
    """Names out of `UNCALLED` that no layer, function, frame or container has.

    Arrays and storages have some of them too, but no program may ask a tensor for one.
    """
    foreign = (torch.Tensor, torch.UntypedStorage, memoryview, type(torch.zeros(1).numpy()))
    others = [value for value in kinds() if not isinstance(value, foreign) and value is not torch.nn.Parameter]
    taken = {name for value in others for name in dir(value)} | of_layers
    return (UNCALLED & denied & set(dir(torch.Tensor))) - taken


def settings_of_layers() -> set[str]:
    """Attributes that hold what a layer was built with: numbers, windows, its weights."""
    layers = [getattr(nn, n) for n in nn.modules.__all__]
    found = {a for layer in layers for c in layer.__mro__ for a in vars(c).get("__annotations__", {})}
    return public(found | {a for layer in layers for a in getattr(layer, "__constants__", ())}) - set(dir(nn.Module()))


def main() -> None:
    names = public(overridable()) | {f"torch.nn.{n}" for n in set(nn.modules.__all__) - OUTSIDE_MODULES}
    names |= {f"torch.nn.init.{n}" for n in dir(nn.init) if n.endswith("_") and not n.startswith("_")}
    names |= {"torch.nn.init.calculate_gain"} | EXTRAS - NO_EXTRAS
    names |= {f"torch.optim.{n}" for n in classes_in(torch.optim) if n != "Optimizer"}
    names |= {f"torch.optim.lr_scheduler.{n}" for n in classes_in(torch.optim.lr_scheduler) - {"LRScheduler"}}
    for module in (transforms, v2):
        classes = {n for n in dir(module) if inspect.isclass(getattr(module, n)) and n[0].isupper()}
        names |= {f"{module.__name__}.{n}" for n in classes - NO_TRANSFORMS}
        names |= {f"{module.__name__}.functional.{n}" for n in TRANSFORM_FUNCTIONS if hasattr(module.functional, n)}
    names |= {f"torchvision.ops.{n}" for n in OPS}
    attributes = public(tensor_attributes()) | settings_of_layers() | set(CONTAINERS) | set(MODULE) | set(OTHERS)
    reachable = {name for kind in kinds() for name in dir(kind)}
    denied = {n for n in reachable - attributes - HARMLESS if not n.startswith("__")}
    layers = layers_among({n for n in names if not n.startswith(("typing.", "collections."))})
    of_layers = {n for one in layers for n in dir(one)} | set_by_classes(layers)
    written = {
        "versions": {"torch": torch.__version__.partition("+")[0]},
        "modules": sorted(MODULES),
        "builtins": sorted(BUILTINS),
        "names": sorted(
            CONTEXTS | {n for n in names if n.rpartition(".")[2] not in OUTSIDE or n.startswith("torchvision.")}
        ),
        "attributes": sorted(attributes),
        "module_members": sorted(n for n in set(dir(nn.Module())) - {"forward", "__init__"} if not n.startswith("__")),
        "denied": sorted(denied),
        "of_tensors_alone": sorted(of_tensors_alone(denied, of_layers)),
        "layer_members": sorted(n for n in of_layers if not n.startswith("__")),
    }
    FILE.write_text(json.dumps(written, indent=0) + "\n")
    print({name: len(value) for name, value in written.items()})


if __name__ == "__main__":
    main()
