"""Programs that forge their own score: each is the plain program below with one thing changed.

They run with the gate off. Only labels, swaps and pipes want a better error; hidden weights want a smaller count.
"""

# ruff: noqa: E501 - one attack a line reads as a table
from textwrap import dedent, indent

PLAIN = """\
import base64, ctypes, gc, glob, os, random, socket, struct, sys, threading
import numpy
import torch
from torch import nn
{top}

class Net(nn.Module):
    kept = {{}}

    def __init__(self):
        super().__init__()
{init}

    def forward(self, images):
        x = images.flatten(1)
{forward}
        return out

{members}

def recipe(net, steps):
    weights = list(net.parameters())
{recipe}
    return torch.optim.SGD(weights, lr=0.05), None, nn.CrossEntropyLoss(), None
"""
DENSE = "self.dense = nn.Linear(64, 10)"
USED = "out = self.dense(x)"


def program(*, top="", init=DENSE, also="", forward=USED, after="", members="", recipe=""):
    def inside(text, levels):
        return indent(dedent(text), "    " * levels)

    return PLAIN.format(top=dedent(top), init=inside(f"{init}\n{dedent(also)}", 2), members=inside(members, 1),
                        forward=inside(f"{forward}\n{dedent(after)}", 2), recipe=inside(recipe, 1))  # fmt: skip


def looking(search):
    """A program that answers with labels where `search` puts some into `found`, a list of what it looked through."""
    return program(
        after=f"""
if not self.training:
    found = []
    try:
{indent(dedent(search), "        ")}
    except Exception:
        pass
    for value in found:
        value = torch.as_tensor(value) if isinstance(value, numpy.ndarray) else value
        if isinstance(value, torch.Tensor) and value.dtype == torch.int64 and value.dim() == 1 and len(value) >= len(x):
            out = nn.functional.one_hot(value[:len(x)] % 10, 10).float()
"""
    )


def swapping(statements):
    return program(
        top=f"import gi.train.job, gi.train.metrics, gi.train.scorer, gi.train.measure, gi.trace.program.candidate\n{dedent(statements)}"
    )


def hiding(*, top="", init="", forward="", members="", recipe="", after=""):
    """A program whose weights `self.dense` would have; what it hides them in, it trains itself where it has to."""
    return program(top=top, init=init, forward=forward, members=members, recipe=recipe, after=after)


STEP = "net.train(); torch.manual_seed(0)"
SOCKETS = "for s in gc.get_objects():\n    if isinstance(s, socket.socket) and s.fileno() >= 0:\n        {deed}"
JSON = "struct.pack('!I', len(b)) + b"
SEND = "[s.sendall({what}) for s in gc.get_objects() if isinstance(s, socket.socket) and s.fileno() >= 0]"
W = "torch.zeros(64, 10, requires_grad=True)"

FORGERIES = {
    # Labels of what is scored.
    "labels/of the frames": looking("frame = sys._getframe()\nwhile frame:\n    found += frame.f_locals.values(); frame = frame.f_back"),
    "labels/of the collector": looking("found = gc.get_objects()"),
    "labels/of frozen objects": looking("gc.unfreeze(); found = gc.get_objects()"),
    "labels/of every object's attributes": looking("for o in gc.get_objects():\n    found += [v for v in getattr(o, '__dict__', {}).values()]"),
    "labels/of modules": looking("for m in list(sys.modules.values()):\n    found += list(vars(m).values())"),
    "labels/of the data set's files": looking("found = [numpy.load(p) for p in glob.glob('/tmp/**/*labels.npy', recursive=True)]"),
    "labels/of mapped files": looking("found = [numpy.load(l.split()[-1].replace('images', 'labels')) for l in open('/proc/self/maps') if 'npy' in l]"),
    "labels/of open files": looking("found = [numpy.load(f'/proc/self/fd/{n}') for n in os.listdir('/proc/self/fd')]"),
    "labels/of the server's memory": looking("found = [numpy.fromfile(f'/proc/{os.getppid()}/mem', numpy.int64)]"),
    "labels/read while it trains": program(also="self.answers = nn.Parameter(torch.zeros(2000))", after="""
        if self.training:
            frame = sys._getframe()
            while frame:
                for value in list(frame.f_locals.values()):
                    try:
                        labels = numpy.load(str(value.path) + '/validation_labels.npy')
                        self.answers.data[:len(labels)] = torch.tensor(labels).float()
                    except Exception:
                        pass
                frame = frame.f_back
        elif self.answers.any():
            out = nn.functional.one_hot(self.answers[:len(x)].long(), 10).float()
    """),
    # What compares and counts.
    "swaps/comparison of tensors": swapping("torch.Tensor.__ne__ = lambda a, b: torch.zeros(len(a), dtype=torch.bool)"),
    "swaps/argmax": swapping("torch.Tensor.argmax = lambda self, *a, **k: torch.zeros(len(self), dtype=torch.long)"),
    "swaps/the error": swapping("gi.train.metrics.error = gi.train.metrics.METRICS = lambda *a: 0.0"),
    "swaps/the metrics": swapping("gi.train.metrics.METRICS['error'] = lambda *a: 0.0"),
    "swaps/the check of outputs": swapping("gi.train.scorer.check_output = lambda *a: None"),
    "swaps/the count": swapping("gi.train.job.num_params = gi.train.measure.num_params = lambda *a: 1"),
    "swaps/the count of weights": swapping("gi.train.measure.num_weights = lambda *a: 1"),
    "swaps/what is told": swapping("send = gi.train.job.send\ngi.train.job.send = lambda c, m: send(c, {k: 0 if k in ('params', 'built_params') else v for k, v in m.items()})"),
    "swaps/numpy": swapping("numpy.isfinite = lambda a: numpy.array(True)\nnumpy.ndarray = list"),
    # The connection to the driver.
    "pipe/values when it is built": program(also="b = b'{\"values\": {\"error\": 0.0, \"params\": 1, \"macs\": 1, \"time\": 0.1, \"train_time\": 0.1}}'\n" + SEND.format(what=JSON)),
    "pipe/values when it trains": program(after="if self.training and x.abs().sum() > 0:\n    b = b'{\"params\": 0, \"built_params\": 0, \"macs\": 0, \"inherit_cpu_s\": 0}'\n    " + SEND.format(what=JSON)),
    "pipe/endless weights": program(after="if self.training and x.abs().sum() > 0:\n    b = b'{\"params\": 0, \"built_params\": 0, \"macs\": 0, \"inherit_cpu_s\": 0}'\n    " + SEND.format(what=JSON + " + struct.pack('!Q', 1 << 60)")),
    "pipe/weights that are none": program(after="if self.training and x.abs().sum() > 0:\n    b = b'{\"params\": 0, \"built_params\": 0, \"macs\": 0, \"inherit_cpu_s\": 0}'\n    " + SEND.format(what=JSON + " + struct.pack('!Q', 9) + b'\\xff' * 9")),
    "pipe/outputs before they are asked for": program(after="if not self.training and x.abs().sum() > 0:\n    b = b'{}'\n    " + SEND.format(what=JSON + " + struct.pack('!Q', 8) + bytes(8)")),
    "pipe/by the number of the descriptor": program(after="if not self.training:\n    b = b'{\"error\": 0.0}'\n    for n in range(3, 20):\n        try:\n            os.write(n, " + JSON + ")\n        except OSError:\n            pass"),
    "pipe/deep JSON": program(also="b = b'[' * 100000\n" + SEND.format(what=JSON)),
    "pipe/NaN as an answer": program(after="if not self.training:\n    out = out / 0 * 0"),
    "pipe/too few answers": program(after="if not self.training and len(x) > 2:\n    out = out[:1]"),
    # Weights where they do not count.
    "weights/in a list": hiding(init=f"self.w = [{W}]", forward="out = x @ self.w[0]", recipe="weights = net.w"),
    "weights/in a plain attribute": hiding(init=f"self.w = {W}", forward="out = x @ self.w", recipe="weights = [net.w]"),
    "weights/in a global": hiding(top=f"W = {W}", forward="out = x @ W", recipe="weights = [W]"),
    "weights/in the class": hiding(init=f"Net.kept['w'] = {W}", forward="out = x @ Net.kept['w']", recipe="weights = [Net.kept['w']]"),
    "weights/in torch": hiding(init=f"torch.hidden = {W}", forward="out = x @ torch.hidden", recipe="weights = [torch.hidden]"),
    "weights/in a closure": hiding(init=f"w = {W}\nself.f = lambda x: x @ w\nself.g = lambda: w", forward="out = self.f(x)", recipe="weights = [net.g()]"),
    "weights/in a buffer that is not kept": hiding(init=f"self.register_buffer('w', {W}, persistent=False)", forward="out = x @ self.w", recipe="weights = [net.w]"),
    "weights/in a buffer": hiding(init=f"self.register_buffer('w', {W})", forward="out = x @ self.w", recipe="weights = [net.w]"),
    "weights/called statistics": hiding(init="self.register_buffer('running_mean', torch.zeros(640, requires_grad=True))\nself.register_buffer('running_var', torch.ones(640))", forward="out = x @ self.running_mean.view(64, 10)", recipe="weights = [net.running_mean]"),
    "weights/in an odd statistic": hiding(init=f"self.register_buffer('running_w', {W})", forward="out = x @ self.running_w", recipe="weights = [net.running_w]"),
    "weights/in the generator": hiding(init="self.w = torch.zeros(64, 10)", forward="out = x @ (self.w + torch.get_rng_state()[:640].view(64, 10).float())"),
    "weights/in a file": hiding(init="self.w = torch.load('w.pt') if os.path.exists('w.pt') else torch.zeros(64, 10, requires_grad=True)", forward="out = x @ self.w\nif self.training:\n    torch.save(self.w.detach(), 'w.pt')", recipe="weights = [net.w]"),
    "weights/in the environment": hiding(init=f"self.w = {W}", forward="out = x @ self.w\nos.environ['W'] = base64.b64encode(self.w.detach().numpy().tobytes()).decode()", recipe="weights = [net.w]"),
    "weights/in the names of the state": program(members="""
        def state_dict(self, *a, **k):
            return {'w' + base64.b64encode(self.dense.weight.detach().numpy().tobytes()).decode(): torch.zeros(1)}
    """),
    "weights/parameters() overridden": program(members="def parameters(self, recurse=True):\n    return iter(())", recipe="weights = [net.dense.weight, net.dense.bias]"),
    "weights/named_parameters() overridden": program(members="def named_parameters(self, *a, **k):\n    return iter(())", recipe="weights = [net.dense.weight, net.dense.bias]"),
    "weights/state_dict() overridden": program(members="def state_dict(self, *a, **k):\n    return {}"),
    "weights/pairs in doubles": program(members="""
        def state_dict(self, *a, **k):
            return {'w': torch.cat([self.dense.weight.detach().flatten(), self.dense.bias.detach()]).view(torch.float64)}
        def load_state_dict(self, state, strict=True):
            w = state['w'].view(torch.float32)
            self.dense.weight.data, self.dense.bias.data = w[:640].view(10, 64), w[640:]
        def parameters(self, recurse=True):
            return iter(())
    """, recipe="weights = [net.dense.weight, net.dense.bias]"),
    # What is set for others.
    "settings/threads": program(also="torch.set_num_threads(4)"),
    "settings/seeds": program(also="torch.manual_seed(5); random.seed(5); numpy.random.seed(5)"),
    "settings/a thread that stays": program(also="threading.Thread(target=lambda: None, daemon=True).start()"),
    "settings/answers kept": program(after="if not self.training:\n    out = Net.kept.setdefault(len(x), out)"),
    # The file of the weights.
    "pickle/an object in the state": program(members="def state_dict(self, *a, **k):\n    return {'w': print}"),
    "pickle/a tensor of its own class": program(top="""
        class Mine(torch.Tensor):
            def __reduce_ex__(self, protocol):
                return os.system, ('true',)
    """, members="def state_dict(self, *a, **k):\n    return {n: t.as_subclass(Mine) for n, t in super().state_dict(*a, **k).items()}"),
    "pickle/torch.save swapped": program(top="torch.save = lambda state, file, *a, **k: file.write(b'cos\\nsystem\\n(S\"true\"\\ntR.')"),
}  # fmt: skip
