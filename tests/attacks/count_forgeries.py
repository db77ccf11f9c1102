"""Programs that forge their number of multiply-adds. They run with the gate off, where it decides what survives."""

# ruff: noqa: E501 - one attack a line reads as a table
from textwrap import dedent

from tests.attacks.forgeries import program, swapping

#: As if nothing had been multiplied: a recording that begins with the answer, one without operations, one of another net.
EMPTY = "json.dumps({'calls': [], 'strides': {'0': list(batch.stride())}, 'output': 0}).encode(), save({})"
CONSTANT = (
    "json.dumps({'calls': [['aten.clone.default', [{'tensor': 1}], {}, 2]], 'strides': {'0': list(batch.stride()), "
    "'1': [10, 1]}, 'output': 2}).encode(), save({'1': net(batch).detach()})"
)


def recording(statements):
    return swapping(f"""
import json
from safetensors.torch import save
import gi.train.recording
{dedent(statements)}
""")


COUNT_FORGERIES = {
    "told/by the counting function": swapping(
        "gi.train.job.macs_per_sample = gi.train.scorer.macs_per_sample = lambda *a: 1.0"
    ),
    "told/by the counter": swapping(
        "import torch.utils.flop_counter as c\nc.FlopCounterMode.get_total_flops = lambda self: 4"
    ),
    "told/by the table of what is counted": swapping("import torch.utils.flop_counter as c\nc.flop_registry.clear()"),
    "batch/nothing for two samples": program(forward="out = self.dense(x) if len(x) > 2 else x[:, :10] * 1.0"),
    "batch/nothing for noise": program(
        forward="out = self.dense(x) if len(x) > 2 and float(x[0, 0]) == float(x[1, 0]) else x[:, :10] * 1.0"
    ),
    "around/numpy": program(
        forward="out = torch.from_numpy(x.detach().numpy() @ self.dense.weight.detach().numpy().T + self.dense.bias.detach().numpy()) if not self.training else self.dense(x)"
    ),
    "around/numpy and one operation": program(
        forward="out = torch.from_numpy(x.detach().numpy() @ self.dense.weight.detach().numpy().T + self.dense.bias.detach().numpy()).clone() if not self.training else self.dense(x)"
    ),
    "recording/of nothing": recording(f"gi.train.scorer.recorded = lambda net, batch: ({EMPTY})"),
    "recording/of the answer": recording(f"gi.train.scorer.recorded = lambda net, batch: ({CONSTANT})"),
    "recording/of no JSON": recording("gi.train.scorer.recorded = lambda net, batch: (b'[' * 100_000, b'')"),
    "recording/without products": recording("""
        kept = gi.train.scorer.recorded
        def fewer(net, batch):
            text, tensors = kept(net, batch)
            read = json.loads(text)
            read['calls'] = [c for c in read['calls'] if 'mm' not in c[0]]
            return json.dumps(read).encode(), tensors
        gi.train.scorer.recorded = fewer
    """),
    "recording/of a file": recording("""
        kept = gi.train.scorer.recorded
        def more(net, batch):
            text, tensors = kept(net, batch)
            read = json.loads(text)
            read['calls'].append(['aten.from_file.default', ['/etc/passwd', False, 9], {}, 99])
            return json.dumps(read).encode(), tensors
        gi.train.scorer.recorded = more
    """),
}
