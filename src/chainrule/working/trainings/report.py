"""What a check of a training has found, and how it is printed."""

from dataclasses import dataclass

from chainrule.working.gradients import told


@dataclass(frozen=True, eq=False)
class Part:
    """One tensor, or the cost, in all updates that were checked.

    Attributes
    ----------
    name : str, ``"W[2]"`` or ``"cost"``
    checked, wrong : int, in how many updates it was checked, and in how many it is wrong
    first : int or None, the first update in which it is wrong, counted from 1
    error : float, the largest relative error of a right one
    """

    name: str
    checked: int
    wrong: int
    first: int | None
    error: float


@dataclass(frozen=True, eq=False)
class Wrong:
    """One thing that is wrong, where it begins.

    Attributes
    ----------
    update : int
        The update, counted from 1; 0 for the parameters before the first.
    name : str, ``"W[2]"``, ``"cost"`` or ``"batches"``
    equation : str, what should stand there
    problem : str, what is wrong
    looks_like : tuple of str, the usual mistakes that give these very numbers
    worst : tuple, (index, got, wanted) of the numbers that are furthest off
    """

    update: int
    name: str
    equation: str
    problem: str
    looks_like: tuple[str, ...] = ()
    worst: tuple[tuple[tuple[int, ...], float, float], ...] = ()


@dataclass(frozen=True, eq=False, repr=False)
class TrainingCheck:
    """What `check_training` has found: true if nothing is wrong; printed, a table.

    Attributes
    ----------
    training : str, what was checked: network, optimizer, examples
    parts : tuple of Part, the tensors in the order of the backward pass, and the cost
    updates : int, how many updates were checked
    wrong : tuple of Wrong, what is wrong, the earliest first; of what follows from it nothing
    notes : tuple of str, what is unusual, but no mistake
    """

    training: str
    parts: tuple[Part, ...]
    updates: int
    wrong: tuple[Wrong, ...] = ()
    notes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return not self.wrong

    @property
    def first_wrong(self) -> Wrong | None:
        """The first thing that is wrong, or None."""
        return self.wrong[0] if self.wrong else None

    @property
    def looks_like(self) -> tuple[str, ...]:
        """What the first wrong thing looks like."""
        return self.wrong[0].looks_like if self.wrong else ()

    def __repr__(self) -> str:
        lines = [self.training, f"{'tensor':8}{'updates':>9}{'largest error':>16}"]
        for part in self.parts:
            error = f"{part.error:.2e}" if part.checked > part.wrong else "—"
            verdict = "right" if part.checked else "not checked"
            if part.wrong:
                verdict = f"WRONG in {part.wrong:,}, first in update {part.first:,}"
            lines.append(f"{part.name:8}{part.checked:>9,}{error:>16}   {verdict}")
        for i, one in enumerate(self.wrong):
            begin = "The first thing that is wrong is" if not i else "Also wrong is"
            where = f"in update {one.update:,}" if one.update else "before the first update"
            lines.append(f"{begin} {one.name} {where}: {one.problem}. {one.equation}")
            lines += told(one)
        lines += [f"Note: {note}." for note in self.notes]
        return "\n".join(lines)


class TrainingError(AssertionError):
    """A training does not follow its equations.

    Attributes
    ----------
    check : TrainingCheck, what is wrong, and where it begins
    """

    def __init__(self, check: TrainingCheck) -> None:
        super().__init__(f"\n{check!r}")
        self.check = check
