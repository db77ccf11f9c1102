"""What torch's generator gives next, many numbers at once: a call of torch for each would cost more than the pixels.

One number of torch is one 32-bit word of the generator, whatever is asked for: a float32 is its low 24 bits, a whole
number below n its remainder. So numbers whose count depends on each other can be looked up in a stretch of words, and
the generator moved on by as many as were used.
"""

import torch
from torch import Tensor


def next_words(count: int) -> Tensor:
    """(count,) int64, from 0 to 2**32 - 1: the words that the generator gives next; it stays where it is."""
    state = torch.get_rng_state()
    pairs = torch.empty((count + 1) // 2, dtype=torch.int64).random_(-(2**63), None)
    torch.set_rng_state(state)
    # A number of 64 bits is made of two words, the first one on top.
    return torch.stack([pairs >> 32, pairs], dim=1).bitwise_and_(0xFFFFFFFF).flatten()[:count]


def skip_words(count: int) -> None:
    """Moves the generator on by `count` words."""
    torch.rand(count)


def as_uniform(words: Tensor, low: float = 0.0, high: float = 1.0) -> Tensor:
    """float32 from `low` to `high`, of the words' shape: what `uniform_(low, high)` makes of each."""
    return (words & 0xFFFFFF).float().mul_(2.0**-24).mul_(high - low).add_(low)
