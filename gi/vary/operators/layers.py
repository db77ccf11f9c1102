"""Layers that structural operators write: their text as the host spells it, and what puts them into its place."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from gi.core.types import Edit, LineType
from gi.source.places import placing
from gi.source.places.placing import Anywhere, Place, stem_of
from gi.source.tree.tree import Replacement
from gi.vary.genes import Gene
from gi.vary.hosts.host import Host
from gi.vary.operators.proposal import Proposal, proposal


@dataclass
class Draft:
    """A change of a host as it is put together: replacements, and the code before and after."""

    host: Host
    operator: str
    line: int
    type: LineType = LineType.CONNECTION
    replacements: list[Replacement] = field(default_factory=list)
    before: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)

    def spelled(self, symbol: str, arguments: str = "") -> tuple[str, str]:
        """A layer's call and the stem of its attribute, with the import that it needs."""
        code, imports = placing.spelled(self.host.source, symbol, arguments)
        self.replacements.extend(imports)
        return code, stem_of(symbol)

    def insert(self, place: Place, layers: Sequence[tuple[str, str]], *, after: bool = True) -> bool:
        """Puts layers behind a place, or in front of it; whether the host's style allows that."""
        placed = placing.insertion(self.host.source, place, list(layers), after=after)
        self.replacements.extend(placed)
        self.after.extend(code for code, _ in layers)
        return bool(placed)

    def remove(self, genes: Sequence[Gene]) -> None:
        """Takes layers out."""
        self.replacements.extend(placing.removal(self.host.source, [g.place for g in genes if g.place is not None]))
        self.before.extend(self.host.source.code(g.call) for g in genes)

    def replace(self, gene: Gene, code: str, behind: Sequence[tuple[str, str]] = ()) -> bool:
        """Writes another call in a gene's place, with layers behind it; whether the host's style allows that."""
        source = self.host.source
        self.before.append(source.code(gene.call))
        self.after.append(code)
        # One expression has to stand there (an argument, a branch of a conditional), so several layers become one.
        if behind and isinstance(gene.place, Anywhere):
            whole, _ = self.spelled("torch.nn.Sequential", ", ".join([code, *(layer for layer, _ in behind)]))
            self.after.extend(layer for layer, _ in behind)
            self.replacements.append(source.replace(gene.call, whole))
            return True
        self.replacements.append(source.replace(gene.call, code))
        return not behind or (gene.place is not None and self.insert(gene.place, behind))

    def proposal(self) -> Proposal:
        """The host so changed, as one edit."""
        edit = Edit(self.operator, self.type, self.line, "\n".join(self.before), "\n".join(self.after))
        return proposal(self.host, self.replacements, edit)
