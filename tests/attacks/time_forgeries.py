"""Programs that forge their time: each computes much for its answers, and seems to compute little.

They run with the gate off. `work(x)` is what an honest answer takes, `cheap(x)` an answer that takes next to nothing.
"""

# ruff: noqa: E501 - one attack a line reads as a table
from textwrap import dedent, indent

PLAIN = """\
import ctypes, gc, mmap, os, random, resource, signal, socket, struct, sys, threading, time
import numpy
import torch
from torch import nn
{top}

class Net(nn.Module):
    kept = {{}}
    calls = 0

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(64, 256), nn.Linear(256, 10)
        self.deep = nn.ModuleList([nn.Linear(256, 256) for _ in range(12)])
{init}

    def work(self, x):
        x = self.first(x.flatten(1))
        for layer in self.deep:
            x = x + torch.relu(layer(x))
        return self.last(x)

    def cheap(self, x):
        return torch.zeros(len(x), 10)

    def forward(self, x):
        if self.training or not x.any():
            return self.work(x)
{forward}


def recipe(net, steps):
    return torch.optim.SGD(net.parameters(), lr=0.05), None, nn.CrossEntropyLoss(), None
"""
HONEST = "return self.work(x)"
COUNTED = "Net.calls += 1"
COIN = "COIN = random.SystemRandom().random() < 0.5"


def program(forward=HONEST, *, top="", init=""):
    return PLAIN.format(top=dedent(top), init=indent(dedent(init), " " * 8), forward=indent(dedent(forward), " " * 8))


def swapping(statements):
    """A program that replaces parts of gi and of Python in the processes that it runs in."""
    return program(
        top=f"import gi.sandbox.clock, gi.sandbox.messages, gi.train.measure, gi.train.scorer\n{dedent(statements)}"
    )


def beside(body, *, forward=HONEST):
    """A program with a thread that runs all the time, begun where it is scored."""
    started = f"if not Net.kept.setdefault('thread', None):\n    Net.kept['thread'] = threading.Thread(target=self.aside, daemon=True)\n    Net.kept['thread'].start()\n{forward}"
    return program(started) + "\n\ndef aside(self):\n" + indent(dedent(body), "    ") + "\n\n\nNet.aside = aside\n"


TIME_FORGERIES = {
    # Answers that were kept.
    "kept/by the number of images": program("return Net.kept.setdefault(len(x), self.work(x) if len(x) not in Net.kept else None)"),
    "kept/by the images": program("key = hash(x.numpy().tobytes())\nif key not in Net.kept:\n    Net.kept[key] = self.work(x)\nreturn Net.kept[key]"),
    "kept/by a few of their pixels": program("key = tuple(x[:3, 0, 2:5, 2:5].flatten().tolist())\nif key not in Net.kept:\n    Net.kept[key] = self.work(x)\nreturn Net.kept[key]"),
    "kept/by where they lie": program("if x.data_ptr() not in Net.kept:\n    Net.kept[x.data_ptr()] = self.work(x)\nreturn Net.kept[x.data_ptr()]"),
    "kept/of every other batch": program(f"{COUNTED}\nif Net.calls % 2:\n    Net.kept['last'] = self.work(x)\nreturn Net.kept['last']"),
    # Knowing when it is timed.
    "known/by the size of a batch": program("return self.work(x) if len(x) != 64 else self.cheap(x)"),
    "known/by the first calls": program(f"{COUNTED}\nreturn self.work(x) if Net.calls > 30 else self.cheap(x)"),
    "known/by the later calls": program(f"{COUNTED}\nreturn self.work(x) if Net.calls < 15 else self.cheap(x)"),
    "known/by a coin for each process": program("return self.cheap(x) if COIN else self.work(x)", top=COIN),
    "known/by a coin for each call": program("return self.cheap(x) if random.SystemRandom().random() < 0.5 else self.work(x)"),
    "known/by the layout of the weights": program("return self.work(x) if not self.first.weight.is_contiguous() else self.cheap(x)"),
    "known/by the caller's name": program("frame = sys._getframe()\nnames = []\nwhile frame:\n    names.append(frame.f_code.co_name)\n    frame = frame.f_back\nreturn self.cheap(x) if any('tim' in name for name in names) else self.work(x)"),
    "known/by what the caller holds": program("frame = sys._getframe()\nfound = []\nwhile frame:\n    found += [v for v in frame.f_locals.values() if type(v).__name__ == 'ScoringRequest']\n    frame = frame.f_back\nreturn self.cheap(x) if any(f.timed for f in found) else self.work(x)"),
    "known/by the age of the process": program("return self.cheap(x) if time.process_time() < 0.6 else self.work(x)"),
    "known/by the number of the process": program("return self.cheap(x) if os.getpid() % 2 else self.work(x)"),
    # Clocks and parts of gi.
    "swaps/clocks": swapping("still = lambda *a: 0.0\ntime.perf_counter = time.process_time = time.monotonic = time.thread_time = still\ngi.sandbox.clock.cpu_s = still\nresource.getrusage = lambda who: resource.struct_rusage([0] * 16)"),
    "swaps/slower layers for others": swapping("plain = nn.Conv2d.forward\ndef slow(self, x):\n    [torch.zeros(10**6) for _ in range(20)]\n    return plain(self, x)\nnn.Conv2d.forward = slow"),
    "swaps/the reference network": swapping("gi.train.measure.reference_network = gi.train.scorer.reference_network = lambda task: time.sleep(1)"),
    "swaps/the answers": swapping("gi.train.scorer._outputs = lambda net, images, request, layout, idle: numpy.zeros((len(images), 10)).tobytes()"),
    "swaps/the size of a batch": swapping("torch.split = lambda images, size: (images,)"),
    "swaps/the clock's limits": swapping("resource.setrlimit = lambda *a: None\nos.sched_setaffinity(0, {0})"),
    # Work that is done elsewhere or at another moment.
    "elsewhere/in another process": program("r, w = os.pipe()\nif not os.fork():\n    os.write(w, self.work(x).numpy().tobytes()); os._exit(0)\nreturn torch.frombuffer(bytearray(os.read(r, 1 << 20)), dtype=torch.float32).view(-1, 10)"),
    "elsewhere/in threads": program("torch.set_num_threads(4)\nreturn self.work(x)"),
    "elsewhere/in a thread of its own": program("found = []\nthread = threading.Thread(target=lambda: found.append(self.work(x)))\nthread.start()\nthread.join()\nreturn found[0]"),
    "elsewhere/ahead, in the memory of the images": beside("while True:\n    time.sleep(0.0005)\n    for o in gc.get_objects():\n        if isinstance(o, mmap.mmap):\n            x = torch.frombuffer(o, dtype=torch.float32)[:4096].view(64, 1, 8, 8).clone()\n            Net.kept[hash(x.numpy().tobytes())] = self.work(x)", forward="key = hash(x.numpy().tobytes())\nreturn Net.kept[key] if key in Net.kept else self.work(x)"),
    "elsewhere/answers before they are asked for": program("b = b'{}'\n[s.sendall(struct.pack('!I', len(b)) + b + struct.pack('!Q', 5120) + bytes(5120)) for s in gc.get_objects() if isinstance(s, socket.socket) and s.fileno() >= 0]\nreturn self.work(x)"),
    # What makes the account wrong.
    "account/a thread that never rests": beside("while True:\n    pass"),
    "account/a thread that fills the caches": beside("a = torch.zeros(1 << 22)\nwhile True:\n    a += 1\n    time.sleep(0.0001)"),
    "account/stopping itself": program(f"{COUNTED}\nif Net.calls in (5, 9):\n    os.kill(os.getpid(), signal.SIGSTOP)\nreturn self.work(x)"),
    "account/seeming slow at first": program(f"{COUNTED}\nif Net.calls < 6:\n    [self.work(x) for _ in range(20)]\nreturn self.work(x)"),
}  # fmt: skip
