"""What a program computes and how it trains, as digests: equal for equal programs, whatever their text looks like."""

import hashlib
import types
from typing import Any

import torch
from torch import nn

_RESHAPES = frozenset({"view", "reshape", "flatten", "squeeze", "unsqueeze", "contiguous", "view_as", "unflatten"})
_SETTINGS = (int, float, str, bool, type(None), types.EllipsisType, slice, torch.dtype, torch.device)


def digest(*parts: Any) -> str:
    """16 hexadecimal digits for anything with a stable `repr`."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


class Graph:
    """What was computed, as digests: equal whatever the names, the order or the spelling in the text."""

    def __init__(self) -> None:
        self.names: dict[int, str] = {}
        self.kept: list[Any] = []  # ids are only unique among the living
        self.params = 0
        self.starts: dict[int, list[Any]] = {}  # how weights were initialised, by id

    def name(self, tensor: torch.Tensor, name: str) -> None:
        """Gives a tensor its digest."""
        self.names[id(tensor)] = name
        self.kept.append(tensor)

    def of(self, value: Any) -> str:
        """The digest of a tensor, the text of a setting; a tensor that nothing computed counts by order of use."""
        if isinstance(value, torch.Tensor):
            if id(value) not in self.names:
                kind = "parameter" if value.requires_grad else "constant"
                start = self.starts.get(id(value), [])
                self.name(value, digest(kind, self.params, tuple(value.shape), str(value.dtype), start))
                self.params += 1
            return self.names[id(value)]
        if isinstance(value, (list, tuple)):
            return "(" + ",".join(self.of(v) for v in value) + ")"
        return repr(value) if isinstance(value, _SETTINGS) else type(value).__name__

    def initialised(self, name: str, args: Any, kwargs: dict[str, Any]) -> None:
        """Notes that `name` set a weight while the network was built: it counts, the order of definition does not."""
        target = args[0] if args else kwargs.get("tensor")  # torch.nn.init gives it by name
        if isinstance(target, torch.Tensor):
            settings = (*args[1:], *(v for _, v in sorted(kwargs.items())))
            self.starts.setdefault(id(target), []).append((name, [v for v in settings if isinstance(v, _SETTINGS)]))
            self.kept.append(target)

    def record(self, name: str, args: Any, kwargs: dict[str, Any], output: Any) -> None:
        """Notes that function `name` made `output`. How an image was flattened, or `inplace`, does not count."""
        outputs = [output] if isinstance(output, torch.Tensor) else output
        if not isinstance(outputs, (list, tuple)) or not all(isinstance(o, torch.Tensor) for o in outputs):
            return
        plain = name.strip("_")
        if plain in _RESHAPES and isinstance(output, torch.Tensor):
            made = digest("reshape", self.of(args[0]), tuple(output.shape))
        else:
            settings = sorted((k, self.of(v)) for k, v in kwargs.items() if k != "inplace")
            made = digest(plain, [self.of(a) for a in args], settings)
        for place, tensor in enumerate(outputs):
            self.name(tensor, f"{made}.{place}")

    def digest_of(self, output: torch.Tensor) -> str:
        """The digest of the computation that gave `output`."""
        return digest(self.of(output))


def recipe_digest(optimizer: Any, scheduler: Any, loss: Any, augmentation: Any) -> str:
    """The digest of a recipe: the parts' classes and settings."""
    groups = [{k: v for k, v in g.items() if k != "params"} for g in optimizer.param_groups]
    schedule = "" if scheduler is None else [type(scheduler).__name__, _plain(getattr(scheduler, "__dict__", {}))]
    return digest(type(optimizer).__name__, groups, schedule, _callable(loss), _callable(augmentation))


def _callable(part: Any) -> Any:
    """What a part does, as plain values: class, settings, and the same of the parts that it is made of."""
    if isinstance(part, nn.Module):
        return [repr(part), _plain({**part.__dict__, **part._buffers}), [_callable(child) for child in part.children()]]
    if isinstance(part, types.FunctionType):
        return [
            _code(part.__code__),
            repr(part.__defaults__),
            [_value(c.cell_contents) for c in part.__closure__ or ()],
        ]
    return [repr(part) if " at 0x" not in repr(part) else type(part).__name__, _plain(getattr(part, "__dict__", {}))]


def _code(code: types.CodeType) -> Any:
    constants = [_code(c) if isinstance(c, types.CodeType) else repr(c) for c in code.co_consts]
    return [code.co_code.hex(), constants, code.co_names]


def _plain(values: dict[str, Any]) -> list[tuple[str, Any]]:
    return sorted((k, _value(v)) for k, v in values.items() if not k.startswith("_") or isinstance(v, _BASIC))


_BASIC = (bool, int, float, str, tuple, list, type(None))


def _value(value: Any) -> str:
    """A setting as text; the lists of schedulers, functions and transforms that a part is made of count too."""
    if isinstance(value, (list, tuple)):
        return repr([_value(v) for v in value])
    if isinstance(value, torch.Tensor):
        return repr(value.tolist()) if value.device.type != "meta" and value.numel() <= _FEW else repr(value.shape)
    if isinstance(value, torch.optim.lr_scheduler.LRScheduler):
        return repr([type(value).__name__, _plain(value.__dict__)])
    if isinstance(value, types.FunctionType):
        return repr(_callable(value))
    return repr(value) if " at 0x" not in repr(value) else type(value).__name__


_FEW = 1024


def reached(output: torch.Tensor) -> set[int]:
    """The ids of the parameters that a backward pass from `output` would give a gradient."""
    seen, stack, leaves = set[Any](), [output.grad_fn], set[int]()
    while stack:
        node = stack.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            leaves.add(id(node.variable))
        stack.extend(following for following, _ in node.next_functions)
    return leaves
