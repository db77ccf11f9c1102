"""Reads torch's generator ahead, many numbers at once: a call of torch for each would cost more than the pixels.

One number of torch is one 32-bit word of the generator, whatever its type: a float32 is its low 24 bits, an integer
below n its remainder. So draws whose number depends on earlier ones can be read from a sequence of words, and the
generator advanced by the number used.
"""

import torch
from torch import Tensor


def next_words(count: int) -> Tensor:
    """(count,) int64, from 0 to 2**32 - 1: the generator's next words; its state does not change."""
    state = torch.get_rng_state()
    pairs = torch.empty((count + 1) // 2, dtype=torch.int64).random_(-(2**63), None)
    torch.set_rng_state(state)
    # A 64-bit number consists of two words, the first as its high half.
    return torch.stack([pairs >> 32, pairs], dim=1).bitwise_and_(0xFFFFFFFF).flatten()[:count]


def skip_words(count: int) -> None:
    """Advances the generator by `count` words."""
    torch.rand(count)


def as_uniform(words: Tensor, low: float = 0.0, high: float = 1.0) -> Tensor:
    """float32 from `low` to `high`, of the words' shape: the numbers that `uniform_(low, high)` would draw."""
    low_, high_ = torch.tensor((low, high))
    # torch rounds once, behind the sum: in double precision the product of two of single precision is exact.
    scaled = (words & 0xFFFFFF).double().mul_(2.0**-24).mul_((high_ - low_).double())
    return scaled.add_(low_.double()).float()
