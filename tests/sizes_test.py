"""File and function sizes. A file aims at 300 lines and stops at 500; a function aims at 50 and stops at 70.
Run as a script it also prints the longest of each."""
import ast
import re
import sys

import pytest
import rules

MAX_FILE = 500
MAX_FUNCTION = 70
SOURCES = (".h", ".cc", ".py", ".go", ".sh")

NAMESPACE = re.compile(r"\b(namespace\b[^()]*|extern\s*\"\"\s*)$")
TYPE = re.compile(r"\b(class|struct|union|enum)\b[^()=]*$")
TYPE_WITH_BRACKETS = re.compile(r"^\s*(template\s*<[^{]*>\s*)?(class|struct|union|enum)\b[^=]*$")
INITIALISER = re.compile(r"\)[^()]*(?<!:):(?!:)(?:.*,)?\s*[\w:<>\s]*[\w>]\s*$", re.DOTALL)  # `X() : member_` before its {1}
PREPROCESSOR = re.compile(r"^[ \t]*#(?:[^\n\\]|\\\n|\\.)*", re.MULTILINE)
TABLE_ROW = re.compile(r"^\s*case [\w:]+:\n\s*return [^;{}\n]*;$", re.MULTILINE)  # counts once: a table is no complexity
GO_FUNCTION = re.compile(r"^func\b.*?\{\s*$.*?^\}", re.MULTILINE | re.DOTALL)
SHELL_FUNCTION = re.compile(r"^(?:function )?[\w-]+ ?\(\) ?\{\s*$.*?^\}", re.MULTILINE | re.DOTALL)


def kind_of(head, parent):
    """What the brace after `head` opens."""
    if NAMESPACE.search(head):
        return "namespace"
    if parent in ("function", "other"):
        return "other"
    if TYPE.search(head) or TYPE_WITH_BRACKETS.match(head):
        return "type"
    if INITIALISER.search(head):
        return "other"
    return "function" if "(" in head else "other"


def in_initialiser(stack):
    return stack[-1][0] == "other" and all(kind != "function" for kind, _ in stack)


def cpp_functions(text):
    """(first line, number of lines, text of the head) of each function definition."""
    code = PREPROCESSOR.sub(lambda m: "\n" * m.group(0).count("\n"), rules.code_of(text))
    stack, found, start = [("namespace", 0)], [], 0
    for match in re.finditer(r"[{};]", code):
        at, char = match.start(), match.group(0)
        if char == "{":
            kind = kind_of(code[start:at], stack[-1][0])
            first = start + len(code[start:at]) - len(code[start:at].lstrip())
            stack.append((kind, first))
            if kind == "other":
                continue  # the head goes on after an initialiser, as in a constructor's list
        elif in_initialiser(stack) and char == ";":
            continue
        elif char == "}" and len(stack) > 1:
            kind, first = stack.pop()
            if kind == "function":
                line, lines = code.count("\n", 0, first) + 1, code.count("\n", first, at) + 1
                lines -= len(TABLE_ROW.findall(code, first, at))
                found.append((line, lines, " ".join(code[first:first + 80].split())))
            if kind == "other" and stack[-1][0] in ("namespace", "type"):
                continue
        start = match.end()
    return found


def python_functions(text):
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [(n.lineno, n.end_lineno - n.lineno + 1, n.name) for n in ast.walk(ast.parse(text)) if isinstance(n, kinds)]


def matched_functions(pattern, text):
    return [(text.count("\n", 0, m.start()) + 1, m.group(0).count("\n") + 1, m.group(0).split("\n")[0])
            for m in pattern.finditer(text)]


def functions_of(path, text):
    if path.endswith(rules.CPP):
        return cpp_functions(text)
    if path.endswith(".py"):
        return python_functions(text)
    return matched_functions(GO_FUNCTION if path.endswith(".go") else SHELL_FUNCTION, text)


def all_sources():
    return [p for p in rules.files() if p.endswith(SOURCES)]


def worst(count=5):
    sources = [(p, rules.read(p)) for p in all_sources()]
    lengths = sorted(((t.count("\n"), p) for p, t in sources), reverse=True)[:count]
    functions = sorted(((n, f"{p}:{line}: {head}") for p, t in sources for line, n, head in functions_of(p, t)), reverse=True)
    return [f"{n:4d} lines  {what}" for n, what in [*lengths, *functions[:count]]]


def test_no_file_is_longer_than_500_lines():
    lengths = [(rules.read(p).count("\n"), p) for p in all_sources()]
    rules.report([f"{p}: {n} lines; split it by noun (at most {MAX_FILE})" for n, p in lengths if n > MAX_FILE])


def test_no_function_is_longer_than_70_lines():
    rules.report([f"{p}:{line}: {n} lines (at most {MAX_FUNCTION}): {head}" for p in all_sources()
                  for line, n, head in functions_of(p, rules.read(p)) if n > MAX_FUNCTION])


PLANTED = """
#define TWICE(x) { x; \\
  x; }
namespace a { namespace {
struct Point { int x{0}; int y = 1; int sum() const { return x + y; } };
enum class Kind : int { kOne, kTwo };
const char* kBrace = "{";  // } not a brace
Widget::Widget(int n)
    : a_{n}, b_(n) {
  if (n) { run([] { return 1; }); }
}
template <typename T>
  requires std::is_arithmetic_v<T>
T twice(T v) {
  return v
       * 2;
}
const std::map<int, int> kTable = {{1, f(2)}, {3, 4}};
}  // namespace
void last() {}
}
"""


def test_functions_are_found_where_they_are():
    found = {(line, n) for line, n, _ in cpp_functions(PLANTED)}
    assert {(5, 1), (8, 4), (12, 6), (20, 1)} <= found and len(found) == 4


def test_a_row_of_a_table_counts_once():
    rows = "\n".join(f"    case Kind::k{i}:\n      return \"{i}\";" for i in range(30))
    assert cpp_functions("const char* name(Kind k) {\n  switch (k) {\n" + rows + "\n  }\n}\n")[0][1] == 34


def test_long_functions_of_each_language_are_seen():
    body = "\n".join("  x = 1" for _ in range(80))
    assert cpp_functions("int f() {\n" + body.replace("1", "1;") + "\n}\n")[0][1] == 82
    assert python_functions("def f():\n" + body + "\n")[0][1] == 81
    assert functions_of("a.go", "func f() {\n" + body + "\n}\n")[0][1] == 82
    assert functions_of("a.sh", "f() {\n" + body + "\n}\n")[0][1] == 82


if __name__ == "__main__":
    print("\n".join(worst()))
    sys.exit(pytest.main(["-q", __file__]))
