"""What is unlike the training in the columns of a table: what cannot be read, is unseen, or is out of range."""

from dataclasses import dataclass

from chainrule.text import first_few

WANTED = {"number": ("a number", "numbers"), "date": ("a date", "dates"), "boolean": ("yes or no", "yes or no")}
SHOWN = 3  # different values that are shown


@dataclass(frozen=True)
class Unlike:
    """One column of a table beside that of the training. Those of two parts of a table add up to that of both.

    rows: how many there are. given: of them, how many have a value. unreadable: of these, how many cannot be read as
    the role of the column. below, above: numbers and dates out of the range. unseen: categories that were not there.
    words: some of the values that are unreadable or unseen. remarks: what else there is to say.
    """

    column: str
    role: str
    rows: int
    given: int
    unreadable: int = 0
    below: int = 0
    above: int = 0
    unseen: int = 0
    words: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    def __add__(self, other: "Unlike") -> "Unlike":
        counts = ("rows", "given", "unreadable", "below", "above", "unseen")
        words = tuple(dict.fromkeys([*self.words, *other.words]))[: SHOWN + 1]
        sums = {name: getattr(self, name) + getattr(other, name) for name in counts}
        remarks = tuple(dict.fromkeys([*self.remarks, *other.remarks]))
        return Unlike(self.column, self.role, **sums, words=words, remarks=remarks)

    @property
    def rows_unlike(self) -> int:
        """How many rows there is something to say of."""
        return self.unreadable + self.below + self.above + self.unseen if self.given else self.rows

    @property
    def lost(self) -> bool:
        """Whether the column has values, and none of them can be read."""
        return self.unreadable == self.given > 0

    @property
    def told(self) -> str:
        """Why the column is lost, and what to do."""
        advice = "as in training; correct them, or leave them empty"
        if self.role == "number" and all("%" in word for word in self.words):
            # Whether 45 % is 45 or 0.45 there, only a person knows.
            advice = "as in training, where they have no %; write them as they are there: 45 % is 45 or 0.45"
        wanted, words = WANTED[self.role][0], self._words(quoted=True)
        return f"column {self.column!r}: none of its values is {wanted} ({words}), {advice}"

    @property
    def notes(self) -> list[str]:
        """A line for each thing that is unlike."""
        if not self.given:
            return [f"{self.column}: empty in all {self.rows:,} rows"] if self.rows > 1 else []
        found = []
        if self.unreadable:
            what = WANTED[self.role][1]
            found.append(f"{self.unreadable:,} of {self.rows:,} not {what} ({self._words(quoted=True)})")
        found += self.remarks
        below, above = ("before", "after") if self.role == "date" else ("below", "above")
        for count, where in ((self.below, below), (self.above, above)):
            if count:
                found.append(f"{where} the training range in {count:,} row{'' if count == 1 else 's'}")
        if self.unseen:
            found.append(f"{self.unseen:,} unseen ({self._words()})")
        return [f"{self.column}: {note}" for note in found]

    def _words(self, quoted: bool = False) -> str:
        more = ", …" if len(self.words) > SHOWN else ""
        return first_few(self.words[:SHOWN], SHOWN, quoted=quoted) + more
