"""What a diagnosis says: findings, each with the quantity that was measured, and the report they make together."""

import html
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from textwrap import wrap
from typing import Any

from chainrule.text import as_json, html_table

WIDTH = 110
MOST_NAMED = 6  # units, columns or pairs that a finding names


class NotMeasuredError(Exception):
    """A check cannot measure anything here; its text says why."""


def require(possible: Any, why_not: str) -> None:
    """NotMeasuredError unless something can be measured."""
    if not possible:
        raise NotMeasuredError(why_not)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One measured quantity against its threshold; a fault if it lies beyond.

    Attributes
    ----------
    name : str
        What was looked for: the name of the check.
    layer : int or None, 1 … L, or None where it concerns no layer or all of them
    quantity : str, what was measured
    value, threshold : float, the quantity, and from where on it is a fault
    above : bool, whether it is a fault above the threshold, or below
    reason : str, why the threshold lies where it does
    remedy : str, what to do
    where : str, which units, columns or classes
    explains, explained_by : tuple of str
        Other findings that may come from this one, and those that this one may come from.
    """

    name: str = ""
    layer: int | None = None
    quantity: str
    value: float
    threshold: float
    above: bool = True
    reason: str
    remedy: str
    where: str = ""
    explains: tuple[str, ...] = ()
    explained_by: tuple[str, ...] = ()

    @property
    def beyond(self) -> bool:
        """Whether the value is on the wrong side of the threshold; NaN is not."""
        return bool(self.value > self.threshold if self.above else self.value < self.threshold)

    @property
    def title(self) -> str:
        """The name with the layer."""
        return self.name + ("" if self.layer is None else f", layer {self.layer}")

    @property
    def measured(self) -> str:
        """The quantity, its value and its threshold in one line."""
        side = "above" if self.above else "below"
        return f"{self.quantity}: {self.value:.3g} (a fault {side} {self.threshold:.3g})"

    def to_dict(self) -> dict[str, Any]:
        """The finding by the names above, as JSON has it: None for a value that is not finite."""
        return dict(as_json(asdict(self)))

    def __str__(self) -> str:
        return "\n".join([self.title, *_labelled(_lines([self]), 2)])


@dataclass(frozen=True, repr=False)
class Diagnosis(Sequence[Finding]):
    """The findings of `diagnose`, a sequence: empty, and so false, for a healthy network; printed, a report.

    Attributes
    ----------
    network : str, the network, as it prints
    findings : tuple of Finding
        All faults, first those that no other explains, and of these the one first that explains the most.
    passed : tuple of Finding, what was measured and is no fault
    unchecked : dict of str, name of a check → why it could not be measured
    examples, columns : tuple of int, how many were looked at, and of how many, drawn by `seed`
    seed : int, by which they were drawn
    learned : float
        The share of the cost of the best constant answer that the network has removed: 1 is perfect, 0 no better than a
        constant; NaN for constant targets.
    """

    network: str
    findings: tuple[Finding, ...]
    passed: tuple[Finding, ...]
    unchecked: dict[str, str]
    examples: tuple[int, int]
    columns: tuple[int, int]
    seed: int
    learned: float

    def __len__(self) -> int:
        return len(self.findings)

    def __getitem__(self, i: Any) -> Any:
        return self.findings[i]

    def to_dict(self) -> dict[str, Any]:
        """All of it by the names above, as JSON has it: None for what is not finite.

        Returns
        -------
        dict, of dictionaries, lists, strings and numbers
        """
        return dict(as_json(asdict(self)))

    @property
    def causes(self) -> list[Finding]:
        """The findings that no other one explains."""
        return [finding for finding in self.findings if not finding.explained_by]

    @property
    def _result(self) -> str:
        faults = len(self._groups)
        return f"{faults} fault{'s' * (faults != 1)}" if self else "nothing found"

    @property
    def _groups(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """The findings of one name together: title and (label, text)."""
        names = dict.fromkeys(finding.name for finding in self)
        groups = [[finding for finding in self if finding.name == name] for name in names]
        return [(_title(group), _lines(group)) for group in groups]

    @property
    def _basis(self) -> str:
        """What it was measured on."""
        counts = {"examples": self.examples, "columns": self.columns}
        parts = [f"{some:,} of {of:,} {what}" for what, (some, of) in counts.items() if some < of]
        drawn = f", drawn by seed {self.seed}" if parts else ""
        if self.examples[0] == self.examples[1]:
            parts.insert(0, f"all {self.examples[1]:,} examples")
        learned = ""
        if self.learned == self.learned:  # NaN: the targets are constant
            share = f"{self.learned:.0%}" if self.learned > 0 else "nothing"
            learned = f" Of the cost of the best constant answer, the network has removed {share}."
        order = " The likeliest cause comes first." if len(self._groups) > 1 else ""
        return f"Measured on {' and '.join(parts)}{drawn}.{learned}{order}"

    @property
    def _sections(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """What follows the findings: title and (name, text), if there is any."""
        sections = [
            ("Checked, no fault", _by_name(self.passed, ", but no harm: the network has learned")),
            ("Not checked", list(self.unchecked.items())),
        ]
        return [(title, lines) for title, lines in sections if lines]

    def __repr__(self) -> str:
        lines = [f"{self.network}: {self._result}", *wrap(self._basis, WIDTH)]
        for i, (title, group) in enumerate(self._groups, 1):
            lines += ["", f"{i}. {title}", *_labelled(group, 3)]
        for title, section in self._sections:
            lines += ["", title, *_labelled(section, 2)]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        parts = [f"<p><b>{html.escape(self.network)}: {self._result}</b><br>{html.escape(self._basis)}</p>"]
        for i, (title, group) in enumerate(self._groups, 1):
            parts.append(f"<p><b>{i}. {html.escape(title)}</b></p>{_table(group)}")
        for title, lines in self._sections:
            parts.append(f"<details><summary>{title}: {len(lines)}</summary>{_table(lines)}</details>")
        return "".join(parts)


def _title(group: Sequence[Finding]) -> str:
    layers = [f"{finding.layer}" for finding in group if finding.layer is not None]
    return group[0].name if not layers else f"{group[0].name}, layer{'s' * (len(layers) > 1)} {', '.join(layers)}"


def _lines(group: Sequence[Finding]) -> list[tuple[str, str]]:
    """The parts of the findings of one name, (label, text), each text once. What may come from others is told short."""
    lines = []
    for finding in group:
        layer = f"layer {finding.layer}: " if len(group) > 1 and finding.layer is not None else ""
        lines += [("measured", layer + finding.measured), ("where", finding.where)]
        lines += [("why there", finding.reason)] if not finding.explained_by else []
    for finding in group:
        lines += [("may come from", ", ".join(finding.explained_by)), ("what to do", finding.remedy)]
        lines += [("may cause", ", ".join(finding.explains))] if not finding.explained_by else []
    return [(label, text) for label, text in dict.fromkeys(lines) if text]


def _by_name(findings: Sequence[Finding], beyond: str = "") -> list[tuple[str, str]]:
    """Name and all that was measured under it; `beyond` is added to what lies beyond its threshold."""
    texts: dict[str, list[str]] = {}
    for finding in findings:
        layer = "" if finding.layer is None else f"layer {finding.layer}: "
        texts.setdefault(finding.name, []).append(layer + finding.measured + beyond * finding.beyond)
    return [(name, "; ".join(of_name)) for name, of_name in texts.items()]


def _labelled(parts: list[tuple[str, str]], indent: int) -> list[str]:
    """Lines with a label on the left, and its text wrapped on the right."""
    left = indent + 2 + max(len(label) for label, _ in parts)
    lines = []
    for label, text in parts:
        first, *more = wrap(text, WIDTH - left)
        lines += [(" " * indent + label).ljust(left) + first, *(" " * left + line for line in more)]
    return lines


def _table(parts: list[tuple[str, str]]) -> str:
    return html_table([(html.escape(label), html.escape(text)) for label, text in parts])
