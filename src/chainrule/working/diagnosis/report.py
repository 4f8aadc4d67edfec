"""What a diagnosis says: findings, each with the quantity that was measured, and the report they make together."""

import html
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from textwrap import wrap
from typing import Any

WIDTH = 110


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One measured quantity against its threshold; a fault if it lies `beyond`: above it, or below it.

    layer: 1 … L, or None where it concerns no layer or all of them. reason: why the threshold lies where it does.
    remedy: what to do. where: which units, columns, classes. explains: other faults that were measured as well and are
    likely to come from this one; they are not reported on their own.
    """

    name: str
    layer: int | None = None
    quantity: str
    value: float
    threshold: float
    above: bool
    reason: str
    remedy: str
    where: str = ""
    explains: tuple[str, ...] = ()

    @property
    def beyond(self) -> bool:
        """Whether the value is on the wrong side of the threshold; NaN is not."""
        return self.value > self.threshold if self.above else self.value < self.threshold

    @property
    def title(self) -> str:
        """The name with the layer."""
        return self.name + ("" if self.layer is None else f", layer {self.layer}")

    @property
    def measured(self) -> str:
        """The quantity, its value and its threshold in one line."""
        return f"{self.quantity}: {self.value:.3g} (a fault {self._side})"

    @property
    def _side(self) -> str:
        return f"{'above' if self.above else 'below'} {self.threshold:.3g}"

    @property
    def lines(self) -> list[tuple[str, str]]:
        """What there is to say, as (label, text)."""
        said = [
            ("measured", self.measured),
            ("where", self.where),
            ("why there", self.reason),
            ("what to do", self.remedy),
            ("explains", ", ".join(self.explains)),
        ]
        return [(label, text) for label, text in said if text]

    def to_dict(self) -> dict[str, Any]:
        """The finding by the names above."""
        return {**asdict(self), "value": _finite(self.value)}

    def __str__(self) -> str:
        return "\n".join([self.title, *_labelled(self.lines, 2)])


Result = list[Finding] | str  # what a check measured, or why it could not


@dataclass(frozen=True, repr=False)
class Diagnosis(Sequence[Finding]):
    """The findings, a sequence: empty, and so false, for a healthy network.

    explained: faults that a finding explains, with what was measured. passed: what was measured and is no fault.
    unchecked: name → why it could not be measured. examples, columns: how many were looked at, and of how many, drawn
    by `seed`. learned: the share of the cost of the best constant answer that the network has removed; 1 is perfect, 0
    no better than a constant.
    """

    findings: tuple[Finding, ...]
    explained: tuple[Finding, ...]
    passed: tuple[Finding, ...]
    unchecked: dict[str, str]
    network: str
    examples: tuple[int, int]
    columns: tuple[int, int]
    seed: int
    learned: float

    def __len__(self) -> int:
        return len(self.findings)

    def __getitem__(self, i: Any) -> Any:
        return self.findings[i]

    def to_dict(self) -> dict[str, Any]:
        """All of it as dictionaries, lists, strings and numbers; None for what is not finite, as in JSON."""
        return {
            "network": self.network,
            "findings": [finding.to_dict() for finding in self.findings],
            "explained": [finding.to_dict() for finding in self.explained],
            "passed": [finding.to_dict() for finding in self.passed],
            "unchecked": self.unchecked,
            "examples": list(self.examples),
            "columns": list(self.columns),
            "seed": self.seed,
            "learned": _finite(self.learned),
        }

    @property
    def _result(self) -> str:
        return f"{len(self)} finding{'s' * (len(self) != 1)}" if self else "nothing found"

    @property
    def _basis(self) -> str:
        """What it was measured on."""
        parts = []
        for what, (some, of) in (("examples", self.examples), ("columns", self.columns)):
            if some < of:
                parts.append(f"{some:,} of {of:,} {what}")
            elif what == "examples":
                parts.append(f"all {of:,} {what}")
        drawn = f", drawn by seed {self.seed}" if any(some < of for some, of in (self.examples, self.columns)) else ""
        learned = ""
        if self.learned == self.learned:  # NaN: the targets are constant
            share = f"{self.learned:.0%}" if self.learned > 0 else "nothing"
            learned = f" Of the cost of the best constant answer, the network has removed {share}."
        return f"Measured on {' and '.join(parts)}{drawn}.{learned}"

    @property
    def _sections(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """What follows the findings: title and (name, text), if there is any."""
        sections = [
            ("Explained by what was found", _by_name(self.explained)),
            ("Checked, no fault", _by_name(self.passed, ", but no harm: the network has learned")),
            ("Not checked", list(self.unchecked.items())),
        ]
        return [(title, said) for title, said in sections if said]

    def __repr__(self) -> str:
        lines = [f"{self.network}: {self._result}", *wrap(self._basis, WIDTH)]
        for i, finding in enumerate(self.findings, 1):
            lines += ["", f"{i}. {finding.title}", *_labelled(finding.lines, 3)]
        for title, said in self._sections:
            lines += ["", title, *_labelled(said, 2)]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        parts = [f"<p><b>{html.escape(self.network)}: {self._result}</b><br>{html.escape(self._basis)}</p>"]
        parts += [f"<p><b>{html.escape(finding.title)}</b></p>{_table(finding.lines)}" for finding in self.findings]
        for title, said in self._sections:
            parts.append(f"<details><summary>{title}: {len(said)}</summary>{_table(said)}</details>")
        return "".join(parts)


def _finite(number: float) -> float | None:
    return float(number) if isfinite(number) else None


def _by_name(findings: Sequence[Finding], beyond: str = "") -> list[tuple[str, str]]:
    """Name and all that was measured under it; `beyond` is added to what lies beyond its threshold."""
    said: dict[str, list[str]] = {}
    for finding in findings:
        layer = "" if finding.layer is None else f"layer {finding.layer}: "
        said.setdefault(finding.name, []).append(layer + finding.measured + beyond * finding.beyond)
    return [(name, "; ".join(texts)) for name, texts in said.items()]


def _labelled(said: list[tuple[str, str]], indent: int) -> list[str]:
    """A label on the left, its text wrapped on the right."""
    left = indent + 2 + max(len(label) for label, _ in said)
    lines = []
    for label, text in said:
        first, *more = wrap(text, WIDTH - left)
        lines += [(" " * indent + label).ljust(left) + first, *(" " * left + line for line in more)]
    return lines


def _table(said: list[tuple[str, str]]) -> str:
    rows = "".join(
        f'<tr><th style="text-align:left;vertical-align:top">{html.escape(label)}</th>'
        f'<td style="text-align:left">{html.escape(text)}</td></tr>'
        for label, text in said
    )
    return f"<table>{rows}</table>"
