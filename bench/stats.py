"""Ratios of interleaved runs, with the interval that says how much they are worth."""
import math
import statistics
from dataclasses import dataclass

# Two-sided 95 % quantiles of Student's t, by degrees of freedom; beyond the table the last but one is kept on
# the safe side.
T95 = {1: 12.71, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262, 10: 2.228, 12: 2.179,
       14: 2.145, 16: 2.120, 18: 2.101, 20: 2.086, 24: 2.064, 30: 2.042, 40: 2.021, 60: 2.000, 120: 1.980}


@dataclass(frozen=True)
class Goal:
    """One figure that the project promises; met says whether this run shows it, interval included."""
    what: str
    bar: str
    measured: str
    met: bool


def t95(freedom: int) -> float:
    return T95[max(known for known in T95 if known <= freedom)]


def ratio(a: list[float], b: list[float]) -> tuple[float, float, float]:
    """a / b of pairs measured side by side: geometric mean and its 95 % interval."""
    logs = [math.log(x / y) for x, y in zip(a, b, strict=True)]
    mean = statistics.fmean(logs)
    if len(logs) < 2:
        return math.exp(mean), 0.0, math.inf
    half = t95(len(logs) - 1) * statistics.stdev(logs) / math.sqrt(len(logs))
    return math.exp(mean), math.exp(mean - half), math.exp(mean + half)


def spread(pair: tuple[list[float], list[float]]) -> str:
    """The ratio of two lists as text: mean (low–high)."""
    return "{:.2f} ({:.2f}–{:.2f})".format(*ratio(*pair))


def quantile(values: list[float], q: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, math.ceil(q * len(ordered)) - 1))]


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table whose columns line up."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in [head, *rows]]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def goals_table(goals: list[Goal]) -> str:
    return table(["goal", "bar", "measured", "met"], [[g.what, g.bar, g.measured, "yes" if g.met else "**no**"] for g in goals])
