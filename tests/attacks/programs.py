"""Programs that mean harm: each leaves what a network and its recipe are for, and says by which kind.

All but the last few are one plain program with one thing changed, so that what is refused is the change.
"""

# ruff: noqa: E501 - one attack a line reads as a table
from textwrap import dedent, indent

PLAIN = """\
import torch
import torch.nn.functional as F
from torch import nn
{top}

class Net(nn.Module):
{members}
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(784, 10)
{init}

    def forward(self, x):
        x = torch.flatten(x, 1)
{forward}
        return self.layer(x)


def recipe(net, steps):
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, total_iters=steps)
    loss = nn.CrossEntropyLoss()
    augmentation = None
{recipe}
    return optimizer, scheduler, loss, augmentation
"""


def program(*, top="", members="", init="", forward="", recipe=""):
    def inside(text, levels):
        return indent(dedent(text), "    " * levels)

    return PLAIN.format(top=dedent(top), members=inside(members, 1), init=inside(init, 2), forward=inside(forward, 2),
                        recipe=inside(recipe, 1))  # fmt: skip


FRAME = """
def frame():
    yield 1

"""
CHILD = """

class Child(nn.Module):
    def __init__(self, kept):
        super().__init__()
        self.kept = kept

    def forward(self, x):
        {body}
"""

#: By kind and name: the rule that must be among those that refuse it, and the program.
MODE = """
class Mode(nn.Module):
    def __init__(self, m):
        super().__init__()
        m.eval()

"""
ATTACKS = {
    # A mark that lives from one call to the next: the mode of a module.
    "mode/in forward": ("attribute", program(forward="self.layer.eval()")),
    "mode/of all in forward": ("attribute", program(forward="self.train()")),
    "mode/in a recipe": ("attribute", program(recipe="net.eval()")),
    "mode/by a lambda": ("attribute", program(init="self.mark = lambda: self.layer.eval()")),
    "mode/kept method": ("attribute", program(init="self.mark = self.layer.train")),
    "mode/computed": ("attribute", program(init="self.layer.train(len('a') > 1)")),
    "mode/by a method": ("attribute", program(members="def mark(self):\n    self.layer.eval()\n", init="self.mark()")),
    "mode/constructed in forward": ("attribute", program(top=MODE, forward="Mode(self.layer)")),
    "mode/constructed in a constructor in forward": (
        "attribute",
        program(top=MODE + "class Outer(nn.Module):\n    def __init__(self, m):\n        super().__init__()\n        Mode(m)\n", forward="Outer(self.layer)"),
    ),
    "mode/inherited": ("attribute", program(top=MODE + "class Outer(Mode):\n    pass\n", forward="Outer(self.layer)")),
    "mode/by another name": ("attribute", program(top=MODE + "Other = Mode\n", forward="Other(self.layer)")),
    "mode/handed on": ("attribute", program(top=MODE, init="self.kind = Mode", forward="self.kind(self.layer)")),
    "mode/constructed by a function": (
        "attribute", program(top=MODE + "def mark(m):\n    return Mode(m)\n", forward="mark(self.layer)"),
    ),
    # Files, at each moment at which a program runs.
    "files/write at import": ("name", program(top="open('/tmp/x', 'w').write('x')")),
    "files/delete in the constructor": ("import", program(top="import os", init="os.remove('/tmp/x')")),
    "files/read in forward": ("import", program(top="from pathlib import Path", forward="Path('/etc/passwd').read_text()")),
    "files/write in a gradient hook": ("attribute", program(init="self.layer.weight.register_hook(lambda g: print(g))")),
    "files/write at exit": ("import", program(top="import atexit", init="atexit.register(print, 1)")),
    "files/numpy": ("import", program(top="import numpy as np", init="self.a = np.load('/tmp/a.npy')")),
    "files/torch.save": ("name", program(forward="torch.save(x, '/tmp/x')")),
    "files/torch.load": ("name", program(init="self.a = torch.load('/tmp/x')")),
    "files/from_file": ("name", program(init="self.a = torch.from_file('/etc/passwd', size=9)")),
    "files/storage from_file": ("name", program(init="self.a = torch.UntypedStorage.from_file('/x', False, 9)")),
    "files/tofile through numpy": ("attribute", program(forward="x.numpy().tofile('/tmp/x')")),
    "files/package importer": ("import", program(top="from torch.package import PackageImporter")),
    "files/jit load": ("name", program(init="self.a = torch.jit.load('/tmp/x')")),
    "files/transform that reads": ("import", program(top="import torchvision.io")),
    # Processes, sockets, native code.
    "processes/subprocess": ("import", program(top="import subprocess", init="subprocess.run(['id'])")),
    "processes/os through torch": ("name", program(init="torch.os.system('id')")),
    "processes/os through nn": ("name", program(init="nn.modules.module.torch.os.system('id')")),
    "processes/os through an alias": ("name", program(top="from torch import os as F2", init="F2.system('id')")),
    "processes/multiprocessing": ("name", program(init="torch.multiprocessing.Process(target=print).start()")),
    "processes/debugger": ("import", program(top="import sys", init="sys.settrace(print)")),
    "processes/signals": ("import", program(top="import signal", init="signal.alarm(0)")),
    "sockets/socket": ("import", program(top="import socket", init="socket.socket()")),
    "sockets/hub": ("name", program(init="self.a = torch.hub.load('a/b', 'c')")),
    "sockets/distributed": ("name", program(init="torch.distributed.init_process_group('gloo')")),
    "native/ctypes": ("import", program(top="import ctypes", init="ctypes.string_at(0)")),
    "native/ctypes through torch": ("name", program(init="torch.ctypes.string_at(0)")),
    "native/extension": ("import", program(top="from torch.utils import cpp_extension")),
    "native/load_library": ("name", program(init="torch.ops.load_library('/tmp/x.so')")),
    "native/inductor's code cache": ("import", program(top="from torch._inductor.codecache import PyCodeCache")),
    "native/compile": ("name", program(init="self.a = torch.compile(self.layer)")),
    "native/data_ptr": ("attribute", program(forward="x.data_ptr()")),
    "native/frombuffer": ("name", program(forward="torch.frombuffer(x, dtype=torch.uint8)")),
    "native/set_": ("attribute", program(forward="x.set_(x)")),
    "native/storage": ("attribute", program(forward="x.untyped_storage().resize_(1 << 33)")),
    "native/resize_": ("attribute", program(forward="x.resize_(100, 100)")),
    "native/share_memory": ("attribute", program(init="self.layer.weight.share_memory_()")),
    # Names that are looked up, compiled or built.
    "lookup/eval": ("name", program(init="eval('1')")),
    "lookup/exec": ("name", program(top="exec('import os')")),
    "lookup/__import__": ("dunder", program(init="__import__('os').system('id')")),
    "lookup/__builtins__": ("dunder", program(init="__builtins__['open']('/tmp/x')")),
    "lookup/getattr": ("name", program(init="getattr(torch, 'o' + 's').system('id')")),
    "lookup/setattr": ("name", program(init="setattr(torch.Tensor, '__ne__', None)")),
    "lookup/globals": ("name", program(init="globals()['torch']")),
    "lookup/vars": ("name", program(init="vars(torch)")),
    "lookup/module as a value": ("module", program(init="self.a = torch")),
    "lookup/module in a list": ("module", program(init="a = [torch.nn]\na[0].init.torch.os")),
    "lookup/module as a default": ("module", program(members="def f(self, m=torch):\n    return m.os\n")),
    "lookup/star import": ("import", program(top="from torch.nn.modules.module import *")),
    "lookup/relative import": ("import", program(top="from . import secrets")),
    "lookup/import inside": ("import", program(forward="import torch.hub")),
    "lookup/rebound import": ("rebound", program(forward="torch = self.layer")),
    "lookup/rebound builtin": ("rebound", program(top="def list(x):\n    return x\n")),
    "lookup/builtin behind a comprehension": ("name", program(forward="a = [f for open in [open] for f in [open]]")),
    "lookup/builtin behind another scope": ("name", program(members="def a(self, open):\n    return open\n",
                                                            init="b = open('/tmp/x')")),
    "lookup/full-width letters": ("dunder", program(forward="x.__\uff43lass__")),
    "lookup/feature of Python's": ("name", "from __future__ import division\n" + program(init="self.a = division")),
    "lookup/feature of Python's renamed": ("import", "from __future__ import division as d\n" + program(init="self.a = d")),
    "lookup/other feature of Python's": ("import", "from __future__ import barry_as_FLUFL\n" + program()),
    "lookup/prefix of an allowed name": ("name", program(init="self.a = nn.Linear_('x')")),
    "lookup/library": ("name", program(init="torch.library.Library('aten', 'IMPL')")),
    # What leads from a value to everything.
    "objects/subclasses": ("dunder", program(init="().__class__.__base__.__subclasses__()")),
    "objects/class of a value": ("dunder", program(forward="k = x.__class__")),
    "objects/globals of a function": ("dunder", program(forward="F.relu.__globals__")),
    "objects/module of a class": ("dunder", program(init="nn.Linear.__module__")),
    "objects/dict": ("dunder", program(forward="self.__dict__['a'] = x")),
    "objects/reduce": ("dunder", program(forward="x.__reduce_ex__(2)")),
    "objects/type": ("name", program(init="type('A', (nn.Module,), {})")),
    "objects/generator frame": ("syntax", program(top=FRAME, forward="frame().gi_frame.f_back.f_locals")),
    "objects/frame of a generator expression": ("attribute", program(forward="(i for i in [1]).gi_frame.f_back")),
    "objects/traceback": ("attribute", program(forward="try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    e.tb_frame\n")),
    "objects/coroutine": ("syntax", program(top="async def a():\n    return 1\n")),
    "objects/code": ("attribute", program(init="a = (lambda: 1)\na.func_code.co_consts")),
    "objects/own name for a denied attribute": ("attribute", program(init="self.gi_frame = 1")),
    "objects/gradient graph": ("attribute", program(forward="x.grad_fn.next_functions")),
    "objects/partial's function": ("attribute", program(top="from functools import partial", init="partial(F.relu).func")),
    # Texts with fields.
    "format/format": ("attribute", program(forward="'{0.__class__}'.format(x)")),
    "format/format_map": ("attribute", program(forward="'{a.__class__}'.format_map({'a': x})")),
    "format/str.format as a value": ("attribute", program(forward="f = str.format\nf('{0.__class__}', x)")),
    "format/dunder in an f-string": ("dunder", program(forward="f'{x.__class__.__mro__}'")),
    "format/width": ("format", program(forward="f'{1:999999999}'")),
    "format/percent width": ("format", program(forward="'%999999999d' % 1")),
    "format/percent star": ("format", program(forward="'%*d' % (999999999, 1)")),
    # Classes.
    "classes/metaclass": ("class", program(top="class A(nn.Module, metaclass=max):\n    pass\n")),
    "classes/init_subclass": ("dunder", program(members="def __init_subclass__(cls):\n    print(cls)\n")),
    "classes/del": ("dunder", program(members="def __del__(self):\n    print(self)\n")),
    "classes/getattr": ("dunder", program(members="def __getattr__(self, name):\n    return name\n")),
    "classes/call": ("dunder", program(members="def __call__(self, x):\n    return x\n")),
    "classes/class_getitem": ("dunder", program(members="def __class_getitem__(cls, x):\n    return x\n")),
    "classes/set_name": ("dunder", program(members="def __set_name__(self, owner, name):\n    return 1\n")),
    "classes/reduce": ("dunder", program(members="def __reduce__(self):\n    return (print, (1,))\n")),
    "classes/torch_function": ("dunder", program(top="class T(torch.Tensor):\n    def __torch_function__(self):\n        return 1\n")),
    "classes/tensor subclass": ("class", program(top="class T(torch.Tensor):\n    pass\n")),
    "classes/slots": ("dunder", program(members="__slots__ = ('a',)\n")),
    "classes/foreign decorator": ("decorator", program(top="@max\ndef f(x):\n    return x\n")),
    "classes/class decorator": ("decorator", program(top="@torch.no_grad()\nclass A(nn.Module):\n    pass\n")),
    "classes/decorator of an expression": ("decorator", program(members="@(lambda f: print)\ndef g(self):\n    return 1\n")),
    "classes/code in the body": ("class state", program(members="for i in [1]:\n    print(i)\n")),
    "classes/call in the body": ("class state", program(members="seen = list()\n")),
    "classes/list in the body": ("class state", program(members="seen = []\n")),
    "classes/dictionary in the body": ("class state", program(members="seen = {}\n")),
    "classes/empty list in a table": ("class state", program(members="seen = [1, []]\n")),
    "classes/table unpacked": ("class state", program(members="a = {1: 2}\nseen = {**a}\n")),
    "classes/table of calls": ("class state", program(members="seen = [torch.zeros(1)]\n")),
    # Overriding what measures.
    "score/parameters() overridden": ("override", program(members="def parameters(self):\n    return []\n")),
    "score/parameters() set": ("override", program(init="self.parameters = lambda: []")),
    "score/named_parameters at class level": ("override", program(members="named_parameters = None\n")),
    "score/train overridden": ("override", program(members="def train(self, mode=True):\n    return self\n")),
    "score/state_dict overridden": ("override", program(members="def state_dict(self):\n    return {}\n")),
    "score/training set": ("state", program(forward="self.training = False")),
    "score/forward set": ("override", program(init="self.forward = lambda x: x")),
    "score/forward of a layer set": ("override", program(init="self.layer.forward = lambda x: x")),
    "score/forward of a class set": ("override", program(init="nn.Linear.forward = lambda s, x: x")),
    "score/Tensor.__ne__ swapped": ("dunder", program(init="torch.Tensor.__ne__ = torch.Tensor.__eq__")),
    "score/Tensor.ne swapped": ("state", program(init="torch.Tensor.ne = torch.Tensor.eq")),
    "score/function swapped": ("state", program(init="F.cross_entropy = F.mse_loss")),
    "score/error_rate swapped": ("import", program(top="from gi.train import job", init="job.error_rate = lambda *a: 0.0")),
    "score/clock swapped": ("import", program(top="import time", init="time.process_time = lambda: 0.0")),
    "score/labels from the collector": ("import", program(top="import gc", forward="gc.get_objects()")),
    "score/labels from frames": ("import", program(top="import inspect", forward="inspect.currentframe()")),
    "score/labels from the cache": ("name", program(init="open('/tmp/gi/labels.npy')")),
    "score/forward hook": ("attribute", program(init="self.layer.register_forward_hook(print)")),
    "score/module hook": ("name", program(init="nn.modules.module.register_module_forward_hook(print)")),
    "score/seed": ("name", program(init="torch.manual_seed(0)")),
    "score/threads": ("name", program(init="torch.set_num_threads(64)")),
    "score/gradient mode": ("name", program(init="torch.set_grad_enabled(False)")),
    "score/default type": ("name", program(init="torch.set_default_dtype(torch.float16)")),
    "score/optimizer's groups": ("attribute", program(recipe="optimizer.param_groups.clear()")),
    "score/optimizer's step set": ("attribute", program(recipe="optimizer.step = print")),
    "score/network changed by the recipe": ("state", program(recipe="net.kept = 1")),
    # State between calls.
    "state/attribute": ("state", program(init="self.seen = None", forward="self.seen = x")),
    "state/attribute by a method": ("state", program(init="self.seen = None", members="def note(self, x):\n    self.seen = x\n",
                                                     forward="self.note(x)")),
    "state/attribute in a loop's target": ("state", program(forward="for self.seen in [x]:\n    pass\n")),
    "state/attribute in a comprehension": ("state", program(forward="[0 for self.seen in [x]]")),
    "state/augmented": ("state", program(init="self.calls = 0", forward="self.calls += 1")),
    "state/list": ("state", program(init="self.seen = []", forward="self.seen.append(x)")),
    "state/list by another name": ("state", program(init="self.seen = []", forward="a = self.seen\na.append(x)")),
    "state/list by += ": ("state", program(init="self.seen = []", forward="a = self.seen\na += [x]")),
    "state/list in a list": ("state", program(init="self.seen = [[]]", forward="for a in self.seen:\n    a.append(x)\n")),
    "state/method as a value": ("state", program(init="self.seen = []", forward="f = self.seen.append\nf(x)")),
    "state/dictionary": ("state", program(init="self.seen = {}", forward="self.seen[0] = x")),
    "state/dictionary by a method": ("state", program(init="self.seen = {}", forward="self.seen.setdefault(0, x)")),
    "state/global": ("syntax", program(top="SEEN = 0", forward="global SEEN\nSEEN = x")),
    "state/global list": ("state", program(top="SEEN = []", forward="SEEN.append(x)")),
    "state/default argument": ("default", program(members="def note(self, x, seen=[]):\n    return seen\n")),
    "state/nonlocal": ("syntax", program(init="a = 1\ndef f(x):\n    nonlocal a\n    a = x\nself.f = f", forward="self.f(x)")),
    "state/closure": ("state", program(init="a = []\nself.f = lambda x: a.append(x)", forward="self.f(x)")),
    "state/nested function": ("state", program(init="a = []\ndef f(x):\n    a.append(x)\nself.f = f", forward="self.f(x)")),
    "state/class attribute": ("state", program(members="calls = 0\n", forward="Net.calls = 1")),
    "state/list handed to a child": ("state", program(top=CHILD.format(body="x += [1]\n        return x"),
                                                      init="self.child = Child(1)\nself.seen = []",
                                                      forward="self.child(self.seen)")),
    "state/list of a child": ("state", program(top=CHILD.format(body="return self.kept"), init="self.child = Child([])",
                                               forward="a = self.child(x)\na += [x]")),
    "state/iterator kept": ("iterator", program(init="self.a = zip([1], [2])", forward="for i in self.a:\n    x = x + i\n")),
    "state/generator kept": ("iterator", program(init="self.a = (i for i in [1, 2])", forward="for i in self.a:\n    x = x + i\n")),
    "state/module added": ("state", program(forward="self.add_module('a', nn.Linear(1, 1))")),
    "state/buffer registered": ("state", program(forward="self.register_buffer('a', x)")),
    "state/constructor again": ("dunder", program(forward="super().__init__()")),
    "state/out=": ("state", program(forward="torch.add(x, x, out=x)")),
    # Behind what is let through: lookups by a literal name, records, functions that are made, tables, plain settings.
    "lookup/getattr of a denied name": ("attribute", program(forward="getattr(x, 'grad_fn')")),
    "lookup/getattr of a dunder": ("name", program(forward="getattr(x, '__class__')")),
    "lookup/getattr by a text": ("name", program(init="getattr(self, 'lay' + 'er')")),
    "lookup/getattr by an argument": ("name", program(members="def of(self, name):\n    return getattr(self, name)\n")),
    "lookup/getattr of a module": ("name", program(init="getattr(torch, 'os')")),
    "lookup/hasattr of a property": ("attribute", program(forward="hasattr(x, 'grad_fn')")),
    "lookup/setattr of a module's own": ("override", program(init="setattr(self, 'forward', 1)")),
    "lookup/setattr of a class": ("state", program(init="setattr(nn.Linear, 'bias', None)")),
    "lookup/getattr as a value": ("name", program(init="self.f = getattr")),
    "lookup/copy's reductor": ("name", program(top="import copy", init="copy._reconstruct")),
    "lookup/inspect": ("import", program(top="import inspect", init="inspect.isfunction(1)")),
    "lookup/operator's methodcaller": ("name", program(top="import operator", init="operator.methodcaller('x')")),
    "objects/type called": ("name", program(init="type(self.layer)(1, 1)")),
    "objects/type kept": ("name", program(init="kind = type(self)")),
    "objects/type of a type": ("name", program(init="type[int]('A', (nn.Module,), {})")),
    "objects/name set": ("dunder", program(init="self.layer.__name__ = 'x'")),
    "objects/children written": ("attribute", program(init="self._modules['a'] = 1")),
    "objects/children kept": ("attribute", program(init="self.a = self._modules")),
    "format/attribute in a field": ("attribute", program(forward="'{0.weight}'.format(self.layer)")),
    "format/element in a field": ("attribute", program(forward="'{0[0]}'.format(x)")),
    "format/width in a field": ("attribute", program(forward="'{:>99999999}'.format(x)")),
    "format/conversion in a field": ("attribute", program(forward="'{!r}'.format(x)")),
    "format/field in a field": ("attribute", program(forward="'{:{}}'.format(x, 9)")),
    "format/text that is made": ("attribute", program(forward="('{0.__' + 'class__}').format(x)")),
    "classes/record with a metaclass": ("class", program(top="class A(metaclass=max):\n    pass\n")),
    "classes/record with two bases": ("class", program(top="class A(nn.Module, object):\n    pass\n")),
    "classes/record of a list": ("class", program(top="class A(list):\n    pass\n")),
    "classes/record as an optimizer": ("override", program(top="class A:\n    def step(self):\n        return 1\n", init="A()")),
    "classes/record's state": ("state", program(top="class A:\n    def __init__(self):\n        self.seen = []\n    def note(self, x):\n"
                                                "        self.seen.append(x)\n", init="self.a = A()", forward="self.a.note(x)")),
    "classes/record's attribute": ("state", program(top="class A:\n    def __init__(self):\n        self.seen = 0\n    def note(self, x):\n"
                                                    "        self.seen = x\n", init="self.a = A()", forward="self.a.note(x)")),
    "classes/dataclass with a list": ("class state", program(top="from dataclasses import dataclass\n\n@dataclass\nclass A:\n    seen: object = []\n")),
    "classes/dataclass of a call": ("decorator", program(top="from dataclasses import dataclass\n\n@dataclass(repr=print(1))\nclass A:\n    a: int = 1\n")),
    "classes/namedtuple of what is made": ("top", program(top="from collections import namedtuple\nA = namedtuple('A', 'a' + str(1))\n")),
    "classes/namedtuple in a module": ("top", program(top="from collections import namedtuple\nA = namedtuple('A', 'a', module='os')\n")),
    "state/list of a function that is made": ("state", program(top="def made():\n    seen = []\n    def f(x):\n        seen.append(x)\n        return x\n    return f\n",
                                                               members="def note(self, x, f=made()):\n    return f(x)\n", forward="self.note(x)")),
    "state/list that a function gives as a default": ("default", program(top="def made():\n    return []\n", members="def note(self, x, a=made()):\n    return x\n")),
    "state/list that a function gives at the top": ("top", program(top="def made():\n    return []\n\nSEEN = made()\n")),
    "state/function that is bound anew": ("top", program(top="def made():\n    f = []\n    def f(x):\n        return x\n    f = []\n    return f\n\nSEEN = made()\n")),
    "weights/layer as a default": ("default", program(members="def f(self, x, layer=nn.Linear(1, 1)):\n    return layer(x)\n")),
    "weights/layer that a function gives": ("default", program(top="def made():\n    return nn.Linear(1, 1)\n", members="def f(self, x, layer=made()):\n    return x\n")),
    "weights/layer at the top": ("top", program(top="LAYER = nn.Linear(784, 10)")),
    "weights/layer in a table": ("top", program(top="LAYERS = dict(a=nn.Linear(784, 10))")),
    "weights/layer in a partial at the top": ("top", program(top="from functools import partial\nF2 = partial(F.linear, nn.Linear(1, 1))\n")),
    "weights/tensor of a function that is made": ("kept tensor", program(top="def made():\n    w = torch.zeros(9)\n    def f(x):\n        return x + w\n    return f\n\nSEEN = made()\n")),
    "state/table changed": ("state", program(top="SEEN = dict(a=1)", forward="SEEN['a'] = x")),
    "state/table behind another name": ("state", program(top="SEEN = []\nOTHER = SEEN\n", forward="OTHER.append(x)")),
    "state/table in a tuple": ("state", program(top="SEEN = ([], 1)", forward="a = SEEN[0]\na += [x]")),
    "state/table handed to a child": ("state", program(top="SEEN = []\n" + CHILD.format(body="x.append(1)\n        return x"), init="self.child = Child(1)", forward="self.child(SEEN)")),
    "state/list that getattr gives": ("state", program(init="self.seen = []", forward="getattr(self, 'seen').append(x)")),
    "state/attribute by setattr": ("state", program(init="self.seen = 0", forward="setattr(self, 'seen', x)")),
    "state/list behind a lambda": ("state", program(init="self.seen = []", forward="f = lambda: self.seen\na = f()\na += [x]")),
    "state/list behind a lambda that is called": ("state", program(init="self.seen = []", forward="a = (lambda: self.seen)()\na += [x]")),
    "state/list behind a partial": ("state", program(top="from functools import partial", init="self.seen = []", forward="a = partial(lambda p: p, self.seen)()\na += [x]")),
    "state/list behind a partial's change": ("state", program(top="from functools import partial", init="self.seen = []", forward="partial(lambda p: p.append(x), self.seen)()")),
    "state/list behind reduce": ("state", program(top="from functools import reduce", init="self.seen = []", forward="a = reduce(lambda p, q: q, [0, self.seen])\na += [x]")),
    "state/list behind a checkpoint": ("state", program(top="from torch.utils.checkpoint import checkpoint", init="self.seen = []", forward="a = checkpoint(lambda p: p, self.seen)\na += [x]")),
    "state/list behind map": ("state", program(init="self.seen = []", forward="list(map(lambda p: p.append(x), [self.seen]))")),
    "state/list behind a sort's key": ("state", program(init="self.seen = []", forward="sorted([self.seen], key=lambda p: p.append(x))")),
    "state/list behind a method of a dictionary": ("state", program(init="self.seen = {0: []}", forward="g = self.seen.get\na = g(0)\na += [x]")),
    "state/list in a dictionary": ("state", program(init="self.seen = []", forward="d = {'a': self.seen}\na = d['a']\na += [x]")),
    "state/list in a sum": ("state", program(init="self.seen = []", forward="a = ([self.seen] + [0])[0]\na += [x]")),
    "state/list in a list of its own": ("state", program(init="self.seen = []", forward="a = list([self.seen])[0]\na += [x]")),
    "state/list in a copy": ("state", program(top="import copy", init="self.seen = [[]]", forward="a = copy.copy(self.seen)[0]\na += [x]")),
    "state/list of one branch": ("state", program(init="self.seen = [] if len('a') else 1", members="def give(self):\n    return self.seen\n", forward="a = self.give()\na += [x]")),
    "state/list beside a number": ("state", program(init="self.seen, self.b = [], 1", members="def give(self):\n    return self.seen\n", forward="a = self.give()\na += [x]")),
    "state/list of a child's settings": ("state", program(top=CHILD.format(body="return self.kept"), init="self.child = Child(**{'kept': []})", forward="a = self.child(x)\na += [x]")),
    "state/list of a child by a variable": ("state", program(top=CHILD.format(body="return self.kept"), init="kind = Child\nself.child = kind([])", forward="a = self.child(x)\na += [x]")),
    "state/list of a child by a partial": ("state", program(top="from functools import partial\n" + CHILD.format(body="return self.kept"), init="self.child = partial(Child, [])()", forward="a = self.child(x)\na += [x]")),
    "state/list of a child that derives": ("state", program(top=CHILD.format(body="return self.kept") + "\n\nclass Grand(Child):\n    def __init__(self):\n        super().__init__([])\n",
                                                           init="self.child = Grand()", forward="a = self.child(x)\na += [x]")),
    "state/list under a layer's name": ("state", program(init="self.stride = []", members="def give(self):\n    return self.stride\n", forward="a = self.give()\na += [x]")),
    "state/list that a function gives": ("state", program(top="def made(n):\n    if n:\n        return []\n    return 1\n", init="self.seen = made(1)",
                                                          members="def give(self):\n    return self.seen\n", forward="a = self.give()\na += [x]")),
    "state/list in a comprehension": ("state", program(init="self.seen = []", members="def give(self):\n    return [self.seen for i in range(2)]\n",
                                                       forward="a = self.give()[0]\na += [x]")),
    "state/list of lists in a comprehension": ("state", program(init="self.seen = [[]]", members="def give(self):\n    return [a for a in self.seen]\n",
                                                                forward="a = self.give()[0]\na += [x]")),
    "state/list beside its number": ("state", program(init="self.seen = [[]]", forward="for i, a in enumerate(self.seen):\n    a += [i]\n")),
    "endless/swallowed interrupts": ("syntax", program(forward="try:\n    x = x + 1\nexcept Exception:\n    pass\n")),
    "endless/swallowed everything": ("syntax", program(forward="try:\n    x = x + 1\nexcept:\n    pass\n")),
    "endless/swallowed memory": ("syntax", program(forward="try:\n    x = x + 1\nexcept (TypeError, MemoryError):\n    pass\n")),
    "objects/traceback of a mistake": ("syntax", program(forward="try:\n    x = x + 1\nexcept TypeError as e:\n    e.args\n")),
    "score/mixed precision": ("syntax", program(forward="with torch.autocast('cpu', enabled=True):\n    x = x + 1\n")),
    "score/mixed precision as a value": ("name", program(init="self.cast = torch.autocast('cpu', enabled=False)")),
    "score/mixed precision that is kept": ("syntax", program(forward="with torch.autocast('cpu', enabled=False) as c:\n    x = x + 1\n")),
    "classes/derivative's apply": ("override", program(top="class A(torch.autograd.Function):\n    def apply(self):\n        return 1\n", forward="A.apply(x)")),
    "classes/derivative's context": ("attribute", program(top="class A(torch.autograd.Function):\n    @staticmethod\n    def forward(ctx, x):\n        return ctx.next_functions\n", forward="A.apply(x)")),
    "state/derivative's context": ("state", program(top="class A(torch.autograd.Function):\n    @staticmethod\n    def forward(ctx, x):\n        ctx.kept = x\n        return x\n", forward="A.apply(x)")),
    "state/list handed to a derivative": ("state", program(top="class A(torch.autograd.Function):\n    @staticmethod\n    def forward(ctx, x):\n        x.append(1)\n        return x\n",
                                                          init="self.seen = []", forward="A.apply(self.seen)")),
    "state/apply of a layer": ("state", program(forward="self.apply(print)")),
    "classes/enumeration of more": ("class", program(top="from enum import Enum\n\nclass A(list, Enum):\n    a = 1\n")),
    "classes/enumeration's state": ("class state", program(top="from enum import Enum\n\nclass A(Enum):\n    a = []\n")),
    "iterator/chain kept": ("iterator", program(top="from itertools import chain", init="self.a = chain([1], [2])")),
    "score/Tensor.ne swapped by another name": ("state", program(init="kind = torch.Tensor\nkind.ne = None")),
    "score/Tensor.ne swapped in a loop": ("state", program(init="for kind in [torch.Tensor]:\n    kind.ne = torch.Tensor.eq\n")),
    "score/forward swapped by another name": ("override", program(init="kind = nn.Linear\nkind.forward = 1")),
    "lookup/setattr by a text of no layer": ("name", program(init="setattr(self, 'for' + 'ward', 1)")),
    "lookup/setattr by a text of a list of layers": ("name", program(init="setattr(self, 'a' + 'b', nn.ModuleList())")),
    "lookup/setattr by a text of another": ("name", program(init="setattr(self.layer, 'a' + 'b', nn.ReLU())")),
    "lookup/setattr by a text in forward": ("name", program(forward="setattr(self, 'a' + 'b', nn.ReLU())")),
    "state/list handed in a list": ("state", program(top=CHILD.format(body="x[0].append(1)\n        return x"), init="self.child = Child(1)\nself.seen = []", forward="self.child([self.seen])")),
    "state/list handed on by a method": ("state", program(top=CHILD.format(body="x.append(1)\n        return x"), init="self.child = Child(1)\nself.seen = []",
                                                          members="def go(self, a):\n    return self.child(a)\n", forward="self.go(self.seen)")),
    "state/list handed to forward": ("state", program(top=CHILD.format(body="x.append(1)\n        return x"), init="self.child = Child(1)\nself.seen = []", forward="self.child.forward(self.seen)")),
    "state/list changed by a function that is given it": ("state", program(init="self.seen = []", members="def go(self, a):\n    a.append(1)\n", forward="self.go(self.seen)")),
    "state/element set by a function that is given it": ("state", program(init="self.seen = {}", members="def go(self, a, x):\n    a[0] = x\n", forward="self.go(self.seen, x)")),
    "state/layers added by a child": ("state", program(top=CHILD.format(body="x.append(nn.ReLU())\n        return x"), init="self.child = Child(1)\nself.blocks = nn.ModuleList()", forward="self.child(self.blocks)")),
    "state/layers added to the module itself": ("state", program(init="self.blocks = nn.ModuleList()", forward="a = self.blocks.to('cpu')\na += [nn.ReLU()]")),
    "state/element deleted": ("state", program(init="self.seen = [1]", forward="del self.seen[0]")),
    "state/setting of the recipe": ("state", program(recipe="optimizer.kept = 1")),
    "state/setting of a layer that is a list": ("state", program(init="self.layer.seen = []", forward="a = self.layer.seen\na += [x]")),
    "state/set": ("name", program(init="self.seen = set()")),
    "state/set that is changed": ("name", program(init="a = set([1]).union([2])\nself.seen = a")),
    # Weights that are not counted.
    "weights/in an attribute": ("kept tensor", program(init="self.w = torch.zeros(10)", forward="self.w.add_(1)")),
    "weights/in a list": ("kept tensor", program(init="self.w = [torch.zeros(10)]", forward="self.w[0].add_(1)")),
    "weights/in an appended list": ("kept tensor", program(init="a = []\na.append(torch.zeros(10))\nself.w = a")),
    "weights/in a closure": ("kept tensor", program(init="w = torch.zeros(9)\nself.f = lambda x: w.add_(1)", forward="self.f(x)")),
    "weights/in a partial": ("kept tensor", program(top="from functools import partial",
                                                    init="self.f = partial(torch.add, torch.zeros(9))")),
    "weights/of a function": ("kept tensor", program(top="def made():\n    return torch.zeros(9)\n", init="self.w = made()")),
    "weights/in a child": ("kept tensor", program(top=CHILD.format(body="return x"), init="self.a = Child(torch.zeros(9))")),
    "weights/copied from a layer": ("kept tensor", program(init="self.w = self.layer.weight.clone()")),
    "weights/of a layer's data": ("kept tensor", program(init="self.w = self.layer.weight.data")),
    "weights/part of a layer's": ("kept tensor", program(init="self.w = self.layer.weight[0]")),
    "weights/computed by a layer": ("kept tensor", program(init="self.w = self.layer(torch.zeros(784))")),
    "weights/computed from a parameter": ("kept tensor", program(init="self.p = nn.Parameter(torch.ones(1))\nself.w = self.p * 2")),
    "weights/returned by an initialiser": ("kept tensor", program(init="self.w = nn.init.zeros_(self.layer.weight)")),
    "weights/at the top": ("top", program(top="W = torch.zeros(9)")),
    "weights/as a default": ("default", program(members="def f(self, w=torch.zeros(9)):\n    return w\n")),
    # What has no end.
    "endless/while": ("syntax", program(forward="while True:\n    pass\n")),
    "endless/range": ("loop", program(forward="for i in range(10**9):\n    pass\n")),
    "endless/nested loops": ("loop", program(forward="a = [0 for a in [1] for b in [1] for c in [1] for d in [1] for e in [1]]")),
    "endless/number": ("literal", program(init="self.a = nn.Linear(99999999999, 10)")),
    "endless/power": ("literal", program(forward="9 ** 9 ** 9")),
    "endless/product": ("literal", program(init="self.a = [0] * (100000 * 100000)")),
    "endless/shift": ("literal", program(forward="1 << 9999999")),
    "endless/repeat": ("iterator", program(top="from itertools import repeat", forward="list(repeat(1))")),
    "endless/swallowed limits": ("syntax", program(forward="try:\n    x = x + 1\nexcept BaseException:\n    pass\n")),
    "endless/lines": ("size", "x = 1\n" * 160_000),
    "endless/one line": ("size", "x = " + "1 + " * 2_000 + "1\n"),
    "endless/brackets": ("nesting", "x = " + "(" * 500 + "1" + ")" * 500 + "\n"),
    "endless/signs": ("nesting", "x = " + "-" * 1_500 + "1\n"),
    "endless/signs on lines of their own": ("nesting", "x = (" + "-\n" * 1_500 + "1)\n"),
    "endless/signs behind backslashes": ("nesting", "x = " + "-\\\n" * 1_500 + "1\n"),
    "endless/signs in a formatted text": ("nesting", "x = f'{" + "-" * 1_500 + "1}'\n"),
    "endless/signs in a raw formatted text": ("nesting", "x = Rf'{" + "-" * 1_500 + "1}'\n"),
    "endless/signs beside a text of dashes": ("nesting", "'" + "-" * 80 + "'\nx = " + "-" * 1_500 + "1\n"),
    "endless/signs without tokens": ("nesting", "x = " + "-" * 1_500 + "1\n'''\n"),
    "endless/negations": ("nesting", "x = " + "not " * 400 + "1\n"),
    "endless/negations in brackets": ("nesting", "x = " + "not (" * 30 + "1" + ")" * 30 + "\n"),
    "endless/functions": ("nesting", "x = " + "lambda: " * 200 + "1\n"),
    "endless/attributes": ("nesting", "x = a" + ".b" * 900 + "\n"),
    "endless/nested blocks": ("parse", "".join(" " * i + "if 1:\n" for i in range(101)) + " " * 101 + "pass\n"),
    # The text itself.
    "text/utf-7 cookie": ("coding", "# -*- coding: utf-7 -*-\n" + program(top="# +AAo-import os")),
    "text/cookie in the second line": ("coding", "#!/usr/bin/python\n# vim: set fileencoding=utf-16 :\n" + program()),
    "text/null": ("character", program(top="x = 1\x00")),
    "text/turned direction": ("character", program(top="# \u202e evil")),
    "text/no program": ("parse", "def Net(:\n"),
    "text/surrogate": ("character", program(top="# \udc80")),
}  # fmt: skip
