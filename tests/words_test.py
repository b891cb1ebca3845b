"""Words that do not belong in the repository: paths of one machine, and intentions without an issue."""
import re
import sys

import pytest
import rules

BINARY = (".png", ".jpg", ".ico", ".svg", ".sum", ".xz")
RULES = [
    # Written so that this file does not name them itself.
    (r"(?<![\w./-])/(?:" + "|".join(["wor" + "k", "roo" + "t", "home/[a-z]+", "tmp/w" + "t"]) + r")/",
     "a path of one machine; use a path relative to the repository, or a flag"),
    (r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b(?!\(#\d+\))", "name the issue: (#12) right after it, or do it now"),
]
# (file, rule's first words): a path that is really the program's, in an image or in a container.
ALLOWED = {
    "tests/words_test.py",
}


def problems_in(path, text):
    found = []
    for pattern, reason in RULES:
        for match in re.finditer(pattern, text):
            line = text.count("\n", 0, match.start()) + 1
            found.append(f"{path}:{line}: {match.group(0)}: {reason}")
    return found


def test_no_machine_paths_and_no_open_intentions():
    paths = [p for p in rules.files() if not p.endswith(BINARY) and p not in ALLOWED]
    rules.report([p for path in paths for p in problems_in(path, rules.read(path))])


@pytest.mark.parametrize("text", ["see /wor" + "k/main", "cd /roo" + "t/x", "// TO" + "DO: later", "FIX" + "ME"])
def test_planted_words_are_found(text):
    assert len(problems_in("x.md", "first line\n" + text)) == 1


@pytest.mark.parametrize("text", ["TO" + "DO(#7): later", "build/wor" + "k/x", "https://example.com/roo" + "t/x"])
def test_what_only_looks_like_it_passes(text):
    assert problems_in("x.md", text) == []


if __name__ == "__main__":
    sys.exit(pytest.main(["-q", __file__]))
