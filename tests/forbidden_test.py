"""Calls and names that have one place, or none. A row: what, the files that may, and why all others may not."""
import re
import sys

import pytest
import rules

EDGES = ["sidecar/main.cc", "sidecar/app*", "operator/main.cc", "operator/app*"]
THREADS = [*EDGES, "lib/base/log.cc", "lib/loop/", "lib/front/", "lib/k8s/", "sidecar/io/", "sidecar/admin/", "operator/io/"]
OUTPUT = ["lib/base/log.cc", "*/main.cc", "sidecar/cli/", "operator/cli/", "sidecar/launch/", "sidecar/app*", "operator/app*"]

RULES = [
    (r"\b(sleep_for|sleep_until|usleep|nanosleep|clock_nanosleep)\b|(?<![\w.>:])sleep\s*\(", [],
     "only a loop waits; pure code returns a delay"),
    (r"\b(steady_clock|system_clock|high_resolution_clock)::now\b|\b(clock_gettime|gettimeofday)\s*\(|(?<![\w.>])time\s*\(\s*(nullptr|NULL|0)\s*\)",
     ["lib/base/clock.cc", "sidecar/launch/"], "lib/base/clock.h alone reads the machine's clocks"),
    (r"\bsystem_clock\s*\(\s*\)",
     [*EDGES, "lib/base/", "lib/loop/", "lib/front/", "lib/k8s/", "sidecar/io/", "sidecar/admin/", "sidecar/cli/",
      "sidecar/local/", "operator/io/", "operator/cli/"], "`now` is an argument of what decides"),
    (r"\b(secure_)?getenv\s*\(|\bsetenv\s*\(|\bputenv\s*\(|\benviron\b",
     [*EDGES, "sidecar/config/", "sidecar/cli/", "sidecar/launch/", "sidecar/local/", "operator/cli/", "lib/loop/child.cc",
      "lib/k8s/kubeconfig.cc", "lib/k8s/exec_plugin.cc"], "configuration is read once, at the edge, and handed down"),
    (r"\bstd::j?thread\b|\bpthread_create\b|\bstd::async\b", THREADS, "one thread owns the state; the others are listed here"),
    (r"(?<![\w.>:])(v?fork|posix_spawnp?|execv[pe]*|execl[pe]?|system|popen|daemon)\s*\(|::(v?fork|execv[pe]*|posix_spawnp?|popen)\s*\(",
     ["lib/loop/child.cc", "sidecar/launch/", "sidecar/io/parent*", "sidecar/app*", "sidecar/local/", "lib/k8s/exec_plugin.cc"],
     "processes begin in one place of each program"),
    (r"\bepoll_(create1?|ctl|p?wait2?)\s*\(", ["lib/loop/event_loop*.cc", "sidecar/launch/"], "one loop, in lib/loop"),
    (r"\b(v?f?printf|puts|fputs|putchar)\s*\(|\bstd::(cout|cerr|clog)\b", OUTPUT, "events go through lib/base/log.h, one line each"),
    (r"\b(strcpy|strcat|v?sprintf|gets|strtok|alloca|atof|tmpnam|mktemp)\s*\(", [], "cannot tell an error from a value, or cannot be bounded"),
    (r"\bato(i|l|ll)\s*\(", ["sidecar/launch/"], "cannot tell an error from 0; fit for the kernel's own numbers alone"),
    (r"(?<!\()\bnew\s+[\w:]+\s*[({\[;]|\b(malloc|calloc|realloc|free)\s*\(|\bdelete(\[\])?\s+\w", ["sidecar/io/buffer*", "sidecar/io/app_pool.cc", "sidecar/io/shard.cc",
     "sidecar/admin/server.cc"],
     "owners are unique_ptr and containers; a private constructor goes straight into unique_ptr(new T); "
     "connections belong to the intrusive list that they are in, task queues to cpp-httplib"),
    (r"\bstd::(regex|basic_regex|bind|endl)\b|\bvolatile\b|\bgoto\b|\bsetjmp\b|\bstd::rand\b|(?<![\w.>:])s?rand\s*\(", [],
     "unbounded, obsolete or not what it looks like"),
    (r"\bfriend\b(?!\s+(constexpr\s+)?(bool|auto|std::strong_ordering|std::ostream)\b)",
     ["sidecar/io/intrusive_list.h", "sidecar/io/stream.h"], "tests go through the public interface; no friends"),
    (r"(?m)^using\s+namespace\s+(::)?std\b(?!::(chrono|string|string_view)?_?literals)", [], "names show where they come from"),
    (r"\b(thread_local|std::call_once)\b", ["lib/base/log.cc", "lib/k8s/curl_transport.cc"], "no hidden state: it is passed down"),
    (r"\b(std::)?signal\s*\(\s*SIG|\bsigaction\s*\(", ["lib/loop/signals.cc", "lib/loop/child.cc", "sidecar/launch/", *EDGES],
     "signals arrive as events (lib/loop/signals.h)"),
    (r"(?i)(?<![a-z])(upstream|downstream|frontend|backend|blue_green|bluegreen)(?![a-z])", [], "the words are client and app, active and candidate"),
]


def problems_in(path, text):
    code = rules.code_of(text)
    found = []
    for pattern, allowed, reason in RULES:
        if rules.matches(path, allowed):
            continue
        for match in re.finditer(pattern, code):
            line = code.count("\n", 0, match.start()) + 1
            found.append(f"{path}:{line}: {match.group(0).strip()}: {reason} (allowed in: {', '.join(allowed) or 'no file'})")
    return found


def test_forbidden_calls_stay_where_they_are_allowed():
    rules.report([p for path in rules.cpp_files() for p in problems_in(path, rules.read(path))])


def test_unit_tests_do_not_sleep():
    pattern = RULES[0][0]
    found = []
    for path in rules.cpp_files("tests/lib/", "tests/sidecar/core/", "tests/operator/core/", "tests/operator/api/"):
        found += [f"{path}: {m.group(0)}: move the clock by hand" for m in re.finditer(pattern, rules.code_of(rules.read(path)))]
    rules.report(found)


@pytest.mark.parametrize("path, line", [
    ("sidecar/core/x.cc", "std::this_thread::sleep_for(1s);"),
    ("sidecar/core/x.cc", "auto t = std::chrono::steady_clock::now();"),
    ("lib/http/x.cc", "const char* e = getenv(name);"),
    ("sidecar/core/x.cc", "const TimePoint now = system_clock().steady();"),
    ("lib/policy/x.cc", "std::thread t(run);"),
    ("sidecar/core/x.cc", "if (fork() == 0) run();"),
    ("sidecar/io/x.cc", "epoll_wait(fd, events, 8, -1);"),
    ("lib/base/x.cc", "std::printf(format, 1);"),
    ("lib/base/x.cc", "int n = atoi(text);"),
    ("lib/base/x.cc", "auto* p = new Thing(1);"),
    ("lib/base/x.cc", "std::regex r(text);"),
    ("lib/base/x.h", "friend class Peer;"),
    ("lib/base/x.cc", "using namespace std;"),
    ("lib/base/x.cc", "thread_local int depth;"),
    ("lib/base/x.cc", "std::signal(SIGPIPE, SIG_IGN);"),
    ("sidecar/io/x.cc", "Conn* upstream_conn;"),
])
def test_planted_violations_are_found(path, line):
    assert len(problems_in(path, "// first line\n" + line + "\n")) == 1


@pytest.mark.parametrize("path, line", [
    ("lib/base/clock.cc", "return std::chrono::steady_clock::now();"),
    ("sidecar/core/x.cc", "// fork() and sleep_for() in a comment"),
    ("sidecar/core/x.cc", 'log("new Thing(1)");'),
    ("lib/loop/x.cc", "return std::unique_ptr<Child>(new Child(pid));"),
    ("sidecar/core/x.cc", "Thing(const Thing&) = delete;"),
    ("sidecar/core/x.cc", "timers.time(now); job.system(1); renew(lease);"),
    ("sidecar/core/x.cc", "using namespace std::chrono_literals;"),
    ("sidecar/core/x.cc", "friend bool operator==(const A&, const A&) = default;"),
])
def test_what_only_looks_like_it_passes(path, line):
    assert problems_in(path, line) == []


if __name__ == "__main__":
    sys.exit(pytest.main(["-q", __file__]))
