"""Random small graphs: two convolutions, a few operators along any axes on what they make, and one that reads that."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

KINDS = (
    "unary", "normalise", "add", "gate", "concat", "stack_reduce", "group_reduce", "shuffle", "transposed_pool", "pool",
    "pad", "slice", "split", "resize", "gather", "gather_nd", "cumsum", "scatter", "space_depth", "depthwise", "tile",
    "softmax", "mean", "mystery_einsum", "conv", "branch",
)  # fmt: skip


class Graph:
    """One graph on its way: values of four axes with the real shapes that onnxruntime's inference gives them."""

    def __init__(self, rng, opset):
        self.rng, self.opset = rng, opset
        self.nodes, self.stored, self.inputs, self.count = [], {}, [], 0
        self.shapes = {"x": (1, 3, 12, 12)}
        self.values = [self.conv("x", 4), self.conv("x", 6)]

    def add(self, kind, inputs, outputs=1, shape=None, **attributes):
        names = [f"{kind.lower()}_{self.count}_{at}" for at in range(outputs)]
        self.count += 1
        self.nodes.append(helper.make_node(kind, inputs, names, name=names[0], **attributes))
        for name in names:
            self.shapes[name] = shape or self.shapes[inputs[0]]
        return names[0] if outputs == 1 else names

    def store(self, value):
        name = f"k{len(self.stored)}"
        self.stored[name] = np.asarray(value)
        return name

    def conv(self, x, out, groups=1):
        into = self.shapes[x][1]
        weight = self.store(self.rng.standard_t(3, (out, into // groups, 1, 1)).astype(np.float32))
        return self.add("Conv", [x, weight], shape=(1, out, *self.shapes[x][2:]), group=groups)

    def axes(self, kind, x, axes, shape, **more):
        """An operator whose axes are an attribute up to some operator set and an input from there on."""
        since = 13 if kind in ("Squeeze", "Unsqueeze", "ReduceSum") else 18
        if self.opset >= since:
            return self.add(kind, [x, self.store(np.int64(axes))], shape=shape, **more)
        return self.add(kind, [x], shape=shape, axes=axes, **more)

    def pick(self):
        return self.values[self.rng.integers(len(self.values))]

    def axis(self, axis, rank=4):
        return int(axis) - rank if self.rng.random() < 0.3 else int(axis)

    def fitted(self, x, shape):
        """A value of the wanted channels and sizes: cut or convolved."""
        if self.shapes[x][2:] != shape[2:]:
            x = self.add("Resize", [x, "", "", self.store(np.int64([1, self.shapes[x][1], *shape[2:]]))],
                         shape=(1, self.shapes[x][1], *shape[2:]), mode="nearest")  # fmt: skip
        return x if self.shapes[x][1] == shape[1] else self.conv(x, shape[1])

    # One method for each kind.

    def unary(self, x):
        return self.add(str(self.rng.choice(["LeakyRelu", "Sigmoid", "Tanh", "Neg", "Softplus", "Elu"])), [x])

    def normalise(self, x):
        c = self.shapes[x][1]
        ones = [self.store(np.ones(c, "f")) for _ in range(2)]
        return self.add("InstanceNormalization", [x, *ones])

    def add_two(self, x):
        return self.add(str(self.rng.choice(["Add", "Mul", "Max"])), [x, self.fitted(self.pick(), self.shapes[x])])

    def gate(self, x):
        n, c, h, w = self.shapes[x]
        return self.add("Mul", [x, self.conv(x, 1)]) if self.rng.random() < 0.5 else self.add(
            "Mul", [x, self.add("GlobalAveragePool", [self.fitted(self.pick(), (n, c, h, w))], shape=(n, c, 1, 1))]
        )  # fmt: skip

    def concat(self, x):
        other = self.pick()
        if self.shapes[other][2:] != self.shapes[x][2:]:
            other = x
        c = self.shapes[x][1] + self.shapes[other][1]
        return self.add("Concat", [x, other], shape=(1, c, *self.shapes[x][2:]), axis=self.axis(1))

    def stack_reduce(self, x):
        shape, axis = self.shapes[x], int(self.rng.integers(5))
        wide = (*shape[:axis], 1, *shape[axis:])
        parts = [self.axes("Unsqueeze", v, [self.axis(axis, 5)], wide) for v in (x, self.fitted(self.pick(), shape))]
        joined = self.add("Concat", parts, shape=(*shape[:axis], 2, *shape[axis:]), axis=axis)
        kind = str(self.rng.choice(["ReduceSum", "ReduceMean", "ReduceMax", "ReduceL2"]))
        return self.axes(kind, joined, [self.axis(axis, 5)], shape, keepdims=0)

    def group_reduce(self, x):
        n, c, h, w = self.shapes[x]
        if c % 2:
            return x
        first = bool(self.rng.integers(2))
        grouped = (n, 2, c // 2, h, w) if first else (n, c // 2, 2, h, w)
        r = self.add("Reshape", [x, self.store(np.int64(grouped))], shape=grouped)
        return self.axes("ReduceMax", r, [self.axis(1 if first else 2, 5)], (n, c // 2, h, w), keepdims=0)

    def shuffle(self, x):
        n, c, h, w = self.shapes[x]
        if c % 2:
            return x
        r = self.add("Reshape", [x, self.store(np.int64([n, 2, c // 2, h, w]))], shape=(n, 2, c // 2, h, w))
        t = self.add("Transpose", [r], shape=(n, c // 2, 2, h, w), perm=[0, 2, 1, 3, 4])
        return self.add("Reshape", [t, self.store(np.int64([n, c, -1, w]))], shape=(n, c, h, w))

    def transposed_pool(self, x):
        n, c, h, w = self.shapes[x]
        if c < 3:
            return x
        t = self.add("Transpose", [x], shape=(n, h, w, c), perm=[0, 2, 3, 1])
        p = self.add("MaxPool", [t], shape=(n, h, w, c - 1), kernel_shape=[1, 2])
        return self.add("Transpose", [p], shape=(n, c - 1, h, w), perm=[0, 3, 1, 2])

    def pool(self, x):
        n, c, h, w = self.shapes[x]
        return self.add("AveragePool", [x], shape=(n, c, h, w), kernel_shape=[3, 3], pads=[1, 1, 1, 1])

    def pad(self, x):
        n, c, h, w = self.shapes[x]
        before, after = (int(self.rng.integers(-1, 2)) if c > 2 else 0 for _ in range(2))
        mode = "constant" if min(before, after) < 0 else str(self.rng.choice(["constant", "reflect", "edge"]))
        shape, fill = (n, c + before + after, h, w), self.store(np.float32(0.5))  # zero would switch off what it meets
        if self.opset >= 18:
            pads, axes = self.store(np.int64([before, after])), self.store(np.int64([self.axis(1)]))
            return self.add("Pad", [x, pads, fill, axes],
                            shape=shape, mode=mode)  # fmt: skip
        return self.add(
            "Pad", [x, self.store(np.int64([0, before, 0, 0, 0, after, 0, 0])), fill], shape=shape, mode=mode
        )

    def slice(self, x):
        n, c, h, w = self.shapes[x]
        if c < 2:
            return x
        back = self.rng.random() < 0.3
        bounds = ([c - 1], [-c - 1], [1], [-1]) if back else ([1], [c], [1], [1])
        names = [self.store(np.int64(b)) for b in bounds]
        return self.add("Slice", [x, *names], shape=(n, c if back else c - 1, h, w))

    def split(self, x):
        n, c, h, w = self.shapes[x]
        if c < 3:
            return x
        sizes = [1, c - 1]
        if self.opset >= 13:
            outs = self.add("Split", [x, self.store(np.int64(sizes))], 2, axis=self.axis(1))
        else:
            outs = self.add("Split", [x], 2, axis=1, split=sizes)
        self.shapes[outs[0]], self.shapes[outs[1]] = (n, 1, h, w), (n, c - 1, h, w)
        self.values.append(outs[0])
        return outs[1]

    def resize(self, x):
        n, c, h, w = self.shapes[x]
        if c > 12:
            return x
        mode, form = (str(self.rng.choice(each)) for each in (["nearest", "linear"], ["half_pixel", "asymmetric"]))
        scales = self.store(np.float32([1, 2, 1, 1]))
        return self.add(
            "Resize", [x, "", scales], shape=(n, 2 * c, h, w), mode=mode, coordinate_transformation_mode=form
        )

    def gather(self, x):
        n, c, h, w = self.shapes[x]
        order = self.rng.integers(-c, c, int(self.rng.integers(1, 6)))
        return self.add(
            "Gather", [x, self.store(order.astype(np.int64))], shape=(n, len(order), h, w), axis=self.axis(1)
        )

    def gather_nd(self, x):
        n, c, h, w = self.shapes[x]
        t = self.add("Transpose", [x], shape=(c, n, h, w), perm=[1, 0, 2, 3])
        rows = self.store(self.rng.integers(0, c, (3, 1)).astype(np.int64))
        g = self.add("GatherND", [t, rows], shape=(3, n, h, w))
        return self.add("Transpose", [g], shape=(n, 3, h, w), perm=[1, 0, 2, 3])

    def cumsum(self, x):
        axis = int(self.rng.integers(1, 4))
        return self.add("CumSum", [x, self.store(np.int64(axis))], reverse=int(self.rng.integers(2)))

    def scatter(self, x):
        n, c, h, w = self.shapes[x]
        if c < 2:
            return x
        t = self.add("Transpose", [x], shape=(c, n, h, w), perm=[1, 0, 2, 3])
        other = self.add("Transpose", [self.conv(self.pick_like(x), 1)], shape=(1, n, h, w), perm=[1, 0, 2, 3])
        place = self.store(np.int64([[int(self.rng.integers(c))]]))
        s = self.add("ScatterND", [t, place, other])
        return self.add("Transpose", [s], shape=(n, c, h, w), perm=[1, 0, 2, 3])

    def pick_like(self, x):
        return next(
            v for v in self.rng.permutation([*self.values, x]).tolist() if self.shapes[v][2:] == self.shapes[x][2:]
        )

    def space_depth(self, x):
        n, c, h, w = self.shapes[x]
        if h % 2 or w % 2 or c > 8:
            return x
        s = self.add("SpaceToDepth", [x], shape=(n, 4 * c, h // 2, w // 2), blocksize=2)
        s = self.add("LeakyRelu", [s]) if self.rng.random() < 0.5 else self.slice(s)
        n, c, h, w = self.shapes[s]
        if c % 4:
            return s
        mode = str(self.rng.choice(["DCR", "CRD"]))
        return self.add("DepthToSpace", [s], shape=(n, c // 4, 2 * h, 2 * w), blocksize=2, mode=mode)

    def depthwise(self, x):
        c = self.shapes[x][1]
        return self.conv(x, c * int(self.rng.integers(1, 3)), groups=c) if 1 < c < 12 else x

    def tile(self, x):
        n, c, h, w = self.shapes[x]
        return self.add("Tile", [x, self.store(np.int64([1, 2, 1, 1]))], shape=(n, 2 * c, h, w)) if c < 9 else x

    def softmax(self, x):
        return self.add("Softmax", [x], axis=self.axis(int(self.rng.integers(1, 4)))) if self.shapes[x][1] > 1 else x

    def mean(self, x):
        n, _, h, w = self.shapes[x]
        m = self.axes("ReduceMean", x, [self.axis(1)], (n, 1, h, w))
        return self.add(str(self.rng.choice(["Add", "Mul"])), [x, m])

    def mystery_einsum(self, x):
        return self.add("Add", [x, self.add("Einsum", [x], equation="nchw->nchw")])

    def conv_two(self, x):
        return self.conv(x, int(self.rng.integers(2, 7)))

    def branch(self, x):
        flag = f"flag{len(self.inputs)}"
        self.inputs.append(helper.make_tensor_value_info(flag, TensorProto.BOOL, []))
        other = self.fitted(self.pick(), self.shapes[x])
        bodies = []
        for at, value in enumerate((x, other)):
            out = f"branch_{self.count}_{at}"
            bodies.append(helper.make_graph([helper.make_node("Neg", [value], [out])], out, [],
                                            [helper.make_tensor_value_info(out, TensorProto.FLOAT, None)]))  # fmt: skip
        return self.add("If", [flag], shape=self.shapes[x], then_branch=bodies[0], else_branch=bodies[1])


METHODS = {"add": "add_two", "conv": "conv_two"}


def random_graph(seed):
    """A model of five to eight random operators, ended by a convolution that reads the last value."""
    rng = np.random.default_rng(seed)
    opset = int(rng.choice([13, 16, 17, 18, 21]))
    graph = Graph(rng, opset)
    x = graph.pick()
    for _ in range(int(rng.integers(5, 9))):
        kind = str(rng.choice(KINDS))
        x = getattr(graph, METHODS.get(kind, kind))(x)
        graph.values.append(x)
    graph.conv(x, 2)
    order = rng.permutation(len(graph.nodes)) if rng.random() < 0.2 else range(len(graph.nodes))
    made = helper.make_graph(
        [graph.nodes[at] for at in order], "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 3, 12, 12)), *graph.inputs],
        [helper.make_tensor_value_info(graph.nodes[-1].output[0], TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in graph.stored.items()],
    )  # fmt: skip
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def write(seed, path):
    """Writes the random graph of a seed."""
    onnx.save(random_graph(seed), path)
