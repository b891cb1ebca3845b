"""What the tests of the repository's rules share: which files there are, and C++ without its comments and strings."""
import fnmatch
import functools
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
PRODUCT = ("lib/", "sidecar/", "operator/")
CPP = (".h", ".cc")


@functools.lru_cache(maxsize=None)
def files():
    """Every file that is, or would be, committed, as paths relative to the root."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):  # a source archive without git
        listed = [str(p.relative_to(ROOT)) for p in ROOT.rglob("*") if p.is_file()]
        listed = [p for p in listed if not p.startswith(("build/", ".git/")) and "/__pycache__/" not in p]
    return sorted(p for p in set(listed) if (ROOT / p).is_file())


def cpp_files(*prefixes):
    return [p for p in files() if p.endswith(CPP) and p.startswith(prefixes or PRODUCT)]


@functools.lru_cache(maxsize=None)
def read(path):
    return (ROOT / path).read_text(encoding="utf-8", errors="replace")


_TOKENS = re.compile(
    r"""R"(?P<delimiter>[^()\s\\]{0,16})\((?:.|\n)*?\)(?P=delimiter)"   # a raw string
      | "(?:\\.|[^"\\\n])*"
      | (?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'                             # a character, not a digit separator
      | //[^\n]*
      | /\*(?:.|\n)*?\*/""",
    re.VERBOSE,
)


def _blank(match):
    text = match.group(0)
    inner = "\n" * text.count("\n")
    if text[0] == "/":
        return inner or " "
    return '""' + inner if text[0] in '"R' else "' '"


def code_of(text):
    """The code alone: comments blanked, strings and characters emptied; lines stay where they are."""
    return _TOKENS.sub(_blank, text)


def matches(path, patterns):
    """Whether a path fits one of the globs; a pattern that ends in a slash is a folder."""
    return any(path.startswith(p) if p.endswith("/") else fnmatch.fnmatchcase(path, p) for p in patterns)


def report(problems):
    assert not problems, "\n" + "\n".join(problems)
