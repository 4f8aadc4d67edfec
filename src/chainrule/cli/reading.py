"""How the rows of a table come to a model: by the rules of its training, and with a word on what could not be read."""

import copy
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule.cli import places
from chainrule.cli.asked import is_model
from chainrule.cli.common import CommandError, existing
from chainrule.cli.model import Trained
from chainrule.cli.output import complain
from chainrule.errors import ModelFileError
from chainrule.text import did_you_mean, first_few

if TYPE_CHECKING:
    from chainrule.tabular import Columns
    from chainrule.tabular.unlike import Unlike

TOLD = 10  # columns that are told of


def load(model: Path, data: str, **options: Any) -> Trained:
    """The model for DATA, which is read with these options. CommandError where the two are swapped."""
    try:
        return Trained.load(model, **options)
    except ModelFileError:
        if existing(data) and is_model(Path(data)):
            raise CommandError(f"{model} and {data} are swapped: the model comes first, as {data} {model}") from None
        raise


class AsTrained:
    """Rows of DATA as a model takes them, some at a time.

    allow_missing: whether a column may be missing as a whole: not there, or with no value that can be read.
    """

    def __init__(self, trained: Trained, data: str, allow_missing: bool = False) -> None:
        self.trained, self.data, self.allow_missing = trained, data, allow_missing
        self._said: dict[str, None] = {}
        self._unlike: dict[str, Unlike] = {}
        self._columns: Columns | None = None
        self._turned: set[str] = set()  # columns with the day where the training had the month
        self._begun = False  # whether some rows have been read

    def __call__(self, X: Any) -> Any:
        """What the model takes: a model of tables takes tables, one of arrays a table of as many numbers, too.

        Raises CommandError where a column is missing as a whole.
        """
        if self.trained.columns and hasattr(X, "columns"):
            return self._table(X)
        return self._numbers(X)

    def foresee(self, target: str | None = None) -> None:
        """Look at all rows for the order of day and month, which those that are read at a time may not tell.

        target: a column that must be there.
        """
        if self._ordered() and self._again:
            for table in self.trained.tables(self.data, target=target):
                self._order(self._complete(table.X)[0])

    @property
    def _again(self) -> bool:
        """Whether DATA can be read again."""
        return Path(self.data).is_file() or places.in_blocks(self.data)

    @property
    def notes(self) -> list[str]:
        """What is to be said of all rows so far."""
        return [*self._said, *(note for each in self._by_rows() for note in each.notes)]

    def tell(self) -> None:
        """A note on stderr for each; of many columns those with the most rows."""
        told = [each for each in self._by_rows() if each.notes]
        for note in [*self._said, *(note for each in told[:TOLD] for note in each.notes)]:
            complain("note", note)
        if len(told) > TOLD:
            complain("note", f"unlike the training are values of {len(told) - TOLD:,} more columns; --json lists them")

    def _by_rows(self) -> "list[Unlike]":
        """What is unlike the training, that with the most rows first."""
        return sorted(self._unlike.values(), key=lambda each: -each.rows_unlike)

    def _numbers(self, X: Any) -> Any:
        wanted = self.trained.about["features"]
        if hasattr(X, "columns"):
            import pandas as pd

            X = X.drop(columns=self.trained.target, errors="ignore")
            if X.shape[1] == wanted:
                X = X.apply(pd.to_numeric, errors="coerce").to_numpy("float32")
        if X.shape[1] != wanted:
            raise CommandError(f"{self.data}: {X.shape[1]} numbers in each row, the model was trained on {wanted}")
        return X

    def _table(self, X: Any) -> Any:
        X, empty = self._complete(X)
        self._order(X)
        self._begun, columns = True, self._reader()
        for unlike in columns.compare(X):
            name = unlike.column
            if name in empty:  # which is said already
                continue
            self._unlike[name] = self._unlike[name] + unlike if name in self._unlike else unlike
            if self._unlike[name].lost and not self.allow_missing:
                raise CommandError(f"{self.data}: {self._unlike[name].told}; --allow-missing takes them as missing")
        # How dates and numbers are written is told by many rows. So they are read here, and of these rows some are
        # predicted at a time, or one explained.
        typed = columns.transform(X)
        given = [name for name, role in columns.roles.items() if role == "presence"]
        return typed.assign(**{name: typed[name].where(typed[name] > 0) for name in given})

    def _reader(self) -> "Columns":
        """The model's own, but for the forms of dates that are those of DATA."""
        if self._columns is None:
            columns = self.trained.model.preparation_.named_steps["columns"]
            columns.allow_unreadable = True  # decided here, over all rows
            self._columns = copy.copy(columns)
            self._columns.formats = {**(columns.formats or {})}
        return self._columns

    def _ordered(self) -> list[str]:
        """The columns of dates in which day and month have an order."""
        if not self.trained.columns:
            return []
        columns = self._reader()
        forms: dict[str, str] = columns.formats or {}
        return [name for name, role in columns.roles.items() if role == "date" and "%d" in forms.get(name, "")]

    def _order(self, X: Any) -> None:
        """Once rows tell that day and month come in another order than in training, all rows are read so."""
        from chainrule.tabular import dates

        forms: Any = self._reader().formats
        for name in self._ordered():
            for remark in dates.unlike(X[name], forms[name]):
                if self._begun or name in self._turned:
                    advice = "" if self._again else "; from a file, all rows are looked at first"
                    raise CommandError(
                        f"{self.data}: {name}: some rows have the day before the month, others after it{advice}"
                    )
                self._said[f"{name}: {remark}"] = None
                self._turned.add(name)
                forms[name] = dates.read(X[name], forms[name]).format

    def _complete(self, X: Any) -> tuple[Any, list[str]]:
        """The table with the columns that have another spelling there, and empty ones for those that may be missing."""
        wanted, there = self.trained.columns, [str(name) for name in X.columns]
        absent = [name for name in wanted if name not in there]
        if not absent:
            return X, []
        meant = _meant(absent, [name for name in there if name not in wanted])
        for name, other in meant.items():
            self._said[f"{name}: read from the column {other!r}"] = None
        absent = [name for name in absent if name not in meant]
        if absent and (not self.allow_missing or len(absent) == len(wanted)):
            raise CommandError(self._absence(absent, there))
        for name in absent:
            self._said[f"{name}: not there, taken as missing"] = None
        X = X.rename(columns={other: name for name, other in meant.items()})
        return X.assign(**dict.fromkeys(absent)), absent

    def _absence(self, absent: list[str], there: list[str]) -> str:
        more = f" (and {len(absent) - 1} more)" if len(absent) > 1 else ""
        others = f"; of these, too: {first_few(absent[1:], 10)}" if len(absent) > 1 else ""
        advice = "" if len(absent) == len(self.trained.columns) else " To take it as missing: --allow-missing."
        return (
            f"{self.data}: no column {absent[0]!r}{more}, which the model was trained on{others}."
            f"{did_you_mean(absent[0], there)} Columns: {first_few(there, 30)}.{advice}"
        )


def _meant(absent: Iterable[str], others: Iterable[str]) -> dict[str, str]:
    """For columns that are not there, those whose names are the same but for upper and lower case, blanks and signs."""
    found: dict[str, list[str]] = {}
    for name in others:
        found.setdefault(_letters(name), []).append(name)
    wanted = [_letters(name) for name in absent]
    return {
        name: found[letters][0]
        for name, letters in zip(absent, wanted, strict=True)
        if letters and wanted.count(letters) == 1 and len(found.get(letters, ())) == 1
    }


def _letters(name: str) -> str:
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", name).casefold())
