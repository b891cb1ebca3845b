"""Names that are local to a file are used once in a folder: sanitizer builds compile several files of a layer as one."""
import re
import sys
from collections import defaultdict
from pathlib import PurePath

import pytest
import rules

FUNCTION = re.compile(r"^(?!return|using|namespace|template|#|//)(?:[\w:<>,&*\[\]]+ )+\*?&?(\w+\([^;{]*\)) (?:const )?\{", re.M)
VALUE = re.compile(r"^(?:static )?const(?:expr)? [\w:<>, ]+ (k\w+)\b", re.M)
TYPE = re.compile(r"^(?:struct|class|enum class) (\w+)[^;]*\{", re.M)


def local_names(text):
    """What stands in namespaces without a name."""
    names = set()
    for block in re.findall(r"^namespace \{\n(.*?)^\}  // namespace\n", text, re.M | re.S):
        for pattern in (FUNCTION, VALUE, TYPE):
            names |= {re.sub(r"\s+", " ", name) for name in pattern.findall(block)}
    return names


def clashes(files):
    """{folder: text} pairs of files that define the same name."""
    owners = defaultdict(list)
    for path, text in files:
        for name in local_names(text):
            owners[(PurePath(path).parent, name)].append(path)
    return [f"{name}: in {' and '.join(sorted(paths))}; give it another name, or one place" for (_, name), paths in sorted(owners.items(), key=str)
            if len(paths) > 1]


def test_no_local_name_twice_in_a_folder():
    paths = [path for path in rules.files() if path.endswith(".cc") and path.startswith(("lib/", "sidecar/", "operator/", "tests/")) and
             not path.startswith(("tests/fuzz/", "tests/integration/"))]
    rules.report(clashes([(path, rules.read(path)) for path in paths]))


LOCAL = "namespace {{\n\n{}\n\n}}  // namespace\n"


@pytest.mark.parametrize("text", ["bool has(const std::string& a) { return a.empty(); }", "constexpr int kMost = 3;", "const std::string kText = kOther;", "struct Fixture : Base {\n};"])
def test_a_planted_clash_is_found(text):
    files = [("lib/x/a.cc", LOCAL.format(text)), ("lib/x/b.cc", LOCAL.format(text)), ("lib/y/c.cc", LOCAL.format(text))]
    assert len(clashes(files)) == 1


def test_overloads_and_public_names_do_not_clash():
    assert clashes([("lib/x/a.cc", LOCAL.format("void f(int a) {\n}")), ("lib/x/b.cc", LOCAL.format("void f(char a) {\n}") + "void f(int a) {\n}\n")]) == []


if __name__ == "__main__":
    sys.exit(pytest.main(["-q", __file__]))
