"""The arithmetic behind the tables of bench/."""
import math
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "bench"))
import stats  # noqa: E402


def test_a_ratio_with_itself_is_one_without_any_doubt():
    assert stats.ratio([3.0, 4.0, 5.0], [3.0, 4.0, 5.0]) == (1.0, 1.0, 1.0)


def test_the_interval_of_a_ratio_is_students():
    # Logs of the ratios: 0.1, 0.2, 0.3; mean 0.2, standard deviation 0.1, t of 2 degrees of freedom 4.303.
    mean, low, high = stats.ratio([math.exp(x) for x in (0.1, 0.2, 0.3)], [1.0, 1.0, 1.0])
    half = 4.303 * 0.1 / math.sqrt(3)
    assert math.isclose(mean, math.exp(0.2)) and math.isclose(low, math.exp(0.2 - half)) and math.isclose(high, math.exp(0.2 + half))


def test_one_pair_proves_nothing():
    assert stats.ratio([1.0], [2.0]) == (0.5, 0.0, math.inf)


def test_between_two_rows_of_the_table_the_wider_interval_is_taken():
    assert stats.t95(11) == stats.t95(10) and stats.t95(1000) == 1.980


def test_quantiles_are_values_that_were_measured():
    values = [5.0, 1.0, 4.0, 2.0, 3.0]
    assert [stats.quantile(values, q) for q in (0.0, 0.5, 0.99, 1.0)] == [1.0, 3.0, 5.0, 5.0]
