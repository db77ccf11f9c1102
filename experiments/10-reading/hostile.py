"""Makes hostile files out of real ones: bits flipped, cut short, sizes that no machine has, paths out of the folder."""

import random

import onnx
from onnx import TensorProto

SIZES = (0, -1, 1, 2**31 - 1, 2**31, 2**32, 2**40, 2**62, -(2**62), 7, 65536)
#: What external data may be said to lie in; {outside} is a file beside the models' folder that must never be read.
PATHS = (
    "../../etc/passwd", "/etc/passwd", "../outside.bin", "{outside}", "link.bin", "folder/link.bin", "/dev/zero",
    "a/../../outside.bin", "/proc/self/mem", "pipe.bin", ".", "..", "", "\\..\\outside.bin", "missing.bin", "data.bin",
    "./data.bin",
    "folder/../data.bin", "folder", "x" * 5000, "nul\0byte", "file:///etc/passwd", "~/.ssh/id_rsa", "$HOME/x",
)  # fmt: skip


def hostile(data: bytes, rng: random.Random, outside: str) -> tuple[str, bytes]:
    """One mutation of a model's bytes and its name."""
    name = rng.choice(list(MUTATIONS))
    return name, MUTATIONS[name](data, rng, outside)


def flip_bits(data, rng, _):
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 16, 64))):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def flip_bits_in_front(data, rng, _):
    """Most of a file is weights; its structure is near its ends."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 2, 8))):
        place = rng.randrange(min(400, len(changed)))
        changed[place if rng.random() < 0.5 else -1 - place] = rng.randrange(256)
    return bytes(changed)


def cut_short(data, rng, _):
    return data[: rng.randrange(len(data) + 1)]


def cut_out(data, rng, _):
    start, end = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    return data[:start] + data[end:]


def repeat(data, rng, _):
    start = rng.randrange(len(data))
    part = data[start : start + rng.randrange(1, 300)]
    return data[:start] + part * rng.choice((2, 50, 2000)) + data[start:]


def noise(_, rng, __):
    return rng.randbytes(rng.randrange(1, 2000))


def splice(data, rng, _):
    start = rng.randrange(len(data))
    return data[:start] + rng.randbytes(rng.randrange(1, 64)) + data[start + rng.randrange(64) :]


def sizes_of_tensors(data, rng, _):
    def change(model):
        for tensor in _some(list(model.graph.initializer), rng):
            place = rng.randrange(len(tensor.dims) + 1)
            if place == len(tensor.dims):
                tensor.dims.extend([rng.choice(SIZES)] * rng.choice((1, 3, 60)))
            else:
                tensor.dims[place] = rng.choice(SIZES)

    return _changed(data, change)


def types_of_tensors(data, rng, _):
    def change(model):
        for tensor in _some(list(model.graph.initializer), rng):
            tensor.data_type = rng.randrange(0, 30)

    return _changed(data, change)


def attributes(data, rng, _):
    def change(model):
        for node in _some(list(model.graph.node), rng):
            for attribute in node.attribute:
                attribute.i = rng.choice(SIZES)
                attribute.f = rng.choice((0.0, -1.0, float("nan"), float("inf"), 1e38))
                if attribute.ints:
                    attribute.ints[rng.randrange(len(attribute.ints))] = rng.choice(SIZES)
                if rng.random() < 0.2:
                    attribute.ints.extend([rng.choice(SIZES)] * rng.choice((1, 9, 3000)))

    return _changed(data, change)


def wiring(data, rng, _):
    """Names exchanged: loops, values that are nowhere made, operators on others' values."""

    def change(model):
        names = [name for node in model.graph.node for name in (*node.input, *node.output)] or [""]
        for node in _some(list(model.graph.node), rng):
            side = rng.choice((node.input, node.output))
            if side:
                side[rng.randrange(len(side))] = rng.choice(names)
            if rng.random() < 0.3:
                node.op_type = rng.choice([other.op_type for other in model.graph.node])

    return _changed(data, change)


def constants(data, rng, _):
    """Shapes, pads, repeats and the like that operators read from small tensors."""

    def change(model):
        for tensor in model.graph.initializer:
            if tensor.data_type == TensorProto.INT64 and rng.random() < 0.5:
                count = rng.choice((1, 4, 8))
                tensor.ClearField("raw_data")
                del tensor.dims[:], tensor.int64_data[:]
                tensor.dims.append(count)
                tensor.int64_data.extend(rng.choice(SIZES) for _ in range(count))

    return _changed(data, change)


def external_data(data, rng, outside):
    def change(model):
        for tensor in _some(list(model.graph.initializer), rng, 0.8):
            tensor.data_location = TensorProto.EXTERNAL
            tensor.ClearField("raw_data")
            entries = {"location": rng.choice(PATHS).format(outside=outside)}
            if rng.random() < 0.5:
                entries["offset"] = str(rng.choice((0, 16, -4, 2**40, 2**70, "x", "")))
            if rng.random() < 0.5:
                entries["length"] = str(rng.choice((0, 36, -4, 2**40, 2**70, "x", "")))
            for key, value in entries.items():
                tensor.external_data.add(key=key, value=value)

    return _changed(data, change)


def external_attributes(data, rng, outside):
    """Tensors in attributes that are said to lie in other files, of operators that are evaluated when read."""

    def change(model):
        for node in _some(list(model.graph.node), rng):
            if node.op_type not in ("Conv", "Constant"):
                node.op_type = "ConstantOfShape"
            tensor = TensorProto(dims=[1], data_type=1, data_location=TensorProto.EXTERNAL)
            tensor.external_data.add(key="location", value=rng.choice(PATHS).format(outside=outside))
            node.attribute.add(name="value", type=onnx.AttributeProto.TENSOR).t.CopyFrom(tensor)

    return _changed(data, change)


def nested(data, rng, _):
    """Subgraphs inside subgraphs, and attributes that hold graphs."""

    def change(model):
        inner = onnx.GraphProto()
        inner.CopyFrom(model.graph)
        for _ in range(rng.choice((1, 3))):
            node = model.graph.node.add(op_type="If")
            node.attribute.add(name="then_branch", type=onnx.AttributeProto.GRAPH).g.CopyFrom(inner)

    return _changed(data, change)


def _some(items, rng, share=0.3):
    return [item for item in items if rng.random() < share] or items[:1]


def _changed(data, change):
    """The model with a change made in its messages; as it is where it is none."""
    try:
        model = onnx.ModelProto.FromString(data)
        change(model)
        return model.SerializeToString()
    except Exception:
        return data


MUTATIONS = {
    function.__name__: function
    for function in (
        flip_bits, flip_bits_in_front, cut_short, cut_out, repeat, noise, splice, sizes_of_tensors, types_of_tensors,
        attributes, wiring, constants, external_data, external_attributes, nested,
    )
}  # fmt: skip
