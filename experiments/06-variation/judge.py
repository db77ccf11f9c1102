"""Judges a program by plain torch on meta tensors, with none of gi's hooks: parse, build, forward, gradient.

Runs in the confined check process (`gi.sandbox.warm_worker.WarmWorker`), because the programs are other people's code.
"""

import ast
import contextlib
import io
import sys
import types
from typing import Any

import torch
from torch import nn

BATCH = 2


def handle(text: str, entry: str, shape: list[int], classes: int) -> dict[str, Any]:
    """How far the program comes: booleans by column, the error that stopped it, `classes` where it gives others."""
    sink = io.StringIO()
    with contextlib.redirect_stdout(sink), contextlib.redirect_stderr(sink):
        return judged(text, entry, shape, classes)


def judged(text: str, entry: str, shape: list[int], classes: int) -> dict[str, Any]:
    passed = {"parse": False, "build": False, "forward": False, "gradient": False}
    try:
        ast.parse(text)
        passed["parse"] = True
        net = built(text, entry)
        passed["build"] = True
        output = net(torch.empty(BATCH, *shape, device="meta"))
        shape = tuple(output.shape) if isinstance(output, torch.Tensor) else ()
        if shape != (BATCH, classes):
            fits = len(shape) == 2 and shape[0] == BATCH and output.requires_grad
            return {**passed, "error": f"output {shape}", "classes": shape[1] if fits else 0}
        passed["forward"] = True
        output.sum().backward()
        without = [name for name, p in net.named_parameters() if p.requires_grad and p.grad is None]
        passed["gradient"] = not without
        return {**passed, "error": f"no gradient: {', '.join(without)}" if without else ""}
    except BaseException as error:  # whatever somebody's program raises
        return {**passed, "error": f"{type(error).__name__}: {error}"[:300]}


def built(text: str, entry: str) -> nn.Module:
    """The network, built on meta tensors in a module of its own."""
    module = types.ModuleType("judged")
    sys.modules["judged"] = module
    exec(compile(text, "<judged>", "exec"), module.__dict__)
    with torch.device("meta"):
        net = eval(entry if entry.endswith(")") else f"{entry}()", module.__dict__)
    if not isinstance(net, nn.Module):
        raise TypeError(f"{entry} gives a {type(net).__name__}")
    return net.to("meta")  # with what was built when the text was run: default arguments
