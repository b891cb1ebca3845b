"""Who may include whom. cmake/layers.cmake grants every edge between our folders; THIRD_PARTY below says which file may
know which library. A refusal names the line to edit when the edge is really wanted."""
import re
import sys

import pytest
import rules

# Library → (headers, files that may include it). One unit per library where that is possible: replacing it, or its next
# advisory, then touches one file.
THIRD_PARTY = {
    "spdlog": (r"(spdlog|fmt)/", ["lib/base/log.cc"]),
    "nghttp2": (r"nghttp2/", ["lib/http/h2_session*"]),
    "OpenSSL": (r"openssl/", ["lib/front/tls*.cc", "lib/policy/signature*.cc", "lib/policy/hash*.cc"]),
    "curl": (r"curl/", ["lib/k8s/curl_*.cc"]),
    "cpp-httplib": (r"httplib\.h", ["sidecar/admin/server*.cc", "sidecar/admin/http_*.cc", "sidecar/cli/*.cc"]),
    "nlohmann/json": (r"nlohmann/", ["lib/k8s/", "lib/policy/", "sidecar/admin/", "sidecar/cli/", "operator/api/",
                                     "operator/io/", "operator/cli/"]),
    "yaml-cpp": (r"yaml-cpp/", ["lib/policy/spec*.cc", "lib/policy/document.cc", "lib/k8s/kubeconfig.cc", "sidecar/config/load*.cc"]),
    "CLI11": (r"CLI/", ["operator/main.cc", "sidecar/config/*.cc", "sidecar/cli/*.cc", "operator/cli/*.cc"]),
    "cctz": (r"cctz/", ["lib/policy/*.cc"]),
    "prometheus-cpp": (r"prometheus/", ["sidecar/admin/metrics*.cc", "operator/io/metrics*.cc"]),
    "GoogleTest": (r"(gtest|gmock)/", ["tests/"]),
    "Google Benchmark": (r"benchmark/", ["bench/"]),
}
# Headers of ours that may bring a heavy header along to whoever includes them.
HEAVY = r"nlohmann/json\.hpp|httplib\.h|curl/|yaml-cpp/|openssl/|nghttp2/|spdlog/|CLI/"
HEAVY_HEADERS = ["lib/http/h2_session_callbacks.h", "sidecar/admin/wire*.h", "operator/api/*.h", "tests/"]

# Folders that compute and do nothing else: the standard library alone, and no threads, files or sockets from it.
PURE = ["lib/http/", "lib/policy/", "sidecar/core/", "operator/core/", "operator/api/"]
IMPURE = r"^(thread|mutex|shared_mutex|condition_variable|future|stop_token|fstream|filesystem|iostream)$|\.h$|/"
IMPURE_ALLOWED = {
    ("sidecar/core/snapshot.h", "mutex"): "readers of other threads take the newest snapshot here",
    ("sidecar/core/snapshot.h", "condition_variable"): "the same: a reader may wait for the next one",
}
STANDARD = re.compile(r"^[a-z_0-9]+$")  # <vector>, <cstdint>
SYSTEM = re.compile(r"^(sys|linux|netinet|net|arpa|asm|bits)/|^(unistd|fcntl|signal|poll|pthread|dirent|sched|spawn|netdb|"
                    r"termios|dlfcn|link|grp|pwd|endian|ifaddrs|getopt|malloc|elf|glob|syslog|errno|stddef|stdint|stdlib|string|"
                    r"stdio|time|limits|assert|math|ctype)\.h$")

# What stands above the layers: the composition root of each program may use all of its side.
ROOTS = {
    "sidecar": (["sidecar/app*", "sidecar/main.cc"], ["lib/", "sidecar/"]),
    "operator": (["operator/app*", "operator/main.cc"], ["lib/", "operator/"]),
    "tests": (["tests/", "bench/"], ["lib/", "sidecar/", "operator/", "tests/", "bench/"]),
}
INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"(?P<ours>[^"]+)"|<(?P<theirs>[^>]+)>)', re.MULTILINE)
LAYER = re.compile(r"^app_layer\((?P<name>\S+)\s+DIR\s+(?P<dir>\S+)\s+ALLOWED(?P<allowed>[^)]*)\)", re.MULTILINE)


def read_layers(text):
    """{folder: [granted folders and headers]} from layers.cmake."""
    layers = {}
    for match in LAYER.finditer(text):
        granted = match["allowed"].split("LINK")[0].split()
        layers[match["dir"]] = granted
    return layers


def layer_of(path, layers):
    inside = [d for d in layers if path.startswith(d + "/")]
    return max(inside, key=len, default=None)


def may_include(path, target, layers):
    for patterns, granted in ROOTS.values():
        if rules.matches(path, patterns):
            return target.startswith(tuple(granted))
    layer = layer_of(path, layers)
    if layer is None:
        return False
    return layer_of(target, layers) in [layer, *layers[layer]] or target in layers[layer]


def check_ours(path, target, layers, exists):
    if not exists(target):
        return f'{path}: #include "{target}" is not a path from the root of the repository'
    if may_include(path, target, layers):
        return None
    layer = layer_of(path, layers) or path
    return (f'{path}: {layer} may not include "{target}". If the edge is really wanted, grant '
            f"{layer_of(target, layers) or target} to {layer} in cmake/layers.cmake")


def check_theirs(path, header):
    for library, (pattern, allowed) in THIRD_PARTY.items():
        if not re.match(pattern, header):
            continue
        if not rules.matches(path, [*allowed, "tests/", "bench/"]):
            return f"{path}: <{header}> ({library}) belongs in {', '.join(allowed)}; see THIRD_PARTY in tests/layers_test.py"
        if path.endswith(".h") and re.match(HEAVY, header) and not rules.matches(path, HEAVY_HEADERS):
            return f"{path}: <{header}> is heavy and must not reach every includer: declare it forward, or use json_fwd.hpp"
        return None
    if rules.matches(path, PURE) and re.search(IMPURE, header) and (path, header) not in IMPURE_ALLOWED:
        return f"{path}: <{header}> does not belong in a folder of pure decisions"
    if STANDARD.match(header) or SYSTEM.match(header):
        return None
    return f"{path}: <{header}> is of no library in THIRD_PARTY of tests/layers_test.py"


def problems_in(path, text, layers, exists):
    found = []
    for match in INCLUDE.finditer(text):
        ours = match["ours"]
        found.append(check_ours(path, ours, layers, exists) if ours else check_theirs(path, match["theirs"]))
    return [p for p in found if p]


def our_layers():
    return read_layers(rules.read("cmake/layers.cmake"))


def test_every_include_is_granted():
    layers = our_layers()
    known = set(rules.files())
    problems = []
    for path in rules.cpp_files(*rules.PRODUCT, "tests/", "bench/"):
        problems += problems_in(path, rules.read(path), layers, known.__contains__)
    rules.report(problems)


def test_every_folder_of_code_is_a_layer():
    layers = our_layers()
    roots = [p for patterns, _ in ROOTS.values() for p in patterns]
    rules.report([f"{p}: no app_layer() in cmake/layers.cmake covers it" for p in rules.cpp_files()
                  if layer_of(p, layers) is None and not rules.matches(p, roots)])


def cycle_in(layers):
    """The folders of a cycle, or None."""
    done = set()

    def visit(folder, trail):
        if folder in trail:
            return [*trail[trail.index(folder):], folder]
        if folder in done:
            return None
        for target in layers.get(folder, []):
            found = visit(layer_of(target + "/", layers) or target, [*trail, folder])
            if found:
                return found
        done.add(folder)
        return None

    return next((c for c in (visit(folder, []) for folder in layers) if c), None)


def test_grants_have_no_cycle_and_never_join_sidecar_and_operator():
    layers = our_layers()
    assert layers, "cmake/layers.cmake was not understood"
    assert cycle_in(layers) is None
    for folder, granted in layers.items():
        for target in granted:
            assert {folder.split("/")[0], target.split("/")[0]} != {"sidecar", "operator"}, f"{folder} → {target}"
            assert not (folder.startswith("lib/") and not target.startswith("lib/")), f"{folder} → {target}"


PLANTED_LAYERS = read_layers("""
app_layer(lib_base DIR lib/base ALLOWED LINK x)
app_layer(lib_http DIR lib/http ALLOWED lib/base)
app_layer(sidecar_core DIR sidecar/core ALLOWED lib/base lib/http/message.h LINK x)
app_layer(operator_core DIR operator/core ALLOWED lib/base)
""")


@pytest.mark.parametrize("path, line, part", [
    ("sidecar/core/x.h", '#include "lib/http/h1_parser.h"', "may not include"),
    ("sidecar/core/x.h", '#include "operator/core/x.h"', "may not include"),
    ("lib/base/x.cc", '#include "lib/http/message.h"', "may not include"),
    ("lib/http/x.cc", '#include "tests/x.h"', "may not include"),
    ("sidecar/app.cc", '#include "operator/core/x.h"', "may not include"),
    ("sidecar/core/x.cc", '#include "x.h"', "not a path from the root"),
    ("sidecar/core/x.cc", "#include <thread>", "pure"),
    ("lib/http/x.cc", "# include <sys/socket.h>", "pure"),
    ("sidecar/io/x.cc", "#include <httplib.h>", "cpp-httplib"),
    ("lib/base/x.cc", "#include <boost/asio.hpp>", "of no library"),
    ("sidecar/admin/x.h", "#include <nlohmann/json.hpp>", "heavy"),
])
def test_planted_violations_are_found(path, line, part):
    found = problems_in(path, "// a comment\n" + line + "\n", PLANTED_LAYERS, lambda target: "/" in target)
    assert len(found) == 1 and part in found[0]


@pytest.mark.parametrize("path, line", [
    ("sidecar/core/x.h", '#include "lib/http/message.h"'),
    ("sidecar/core/x.h", '#include "sidecar/core/y.h"'),
    ("sidecar/app_io.cc", '#include "sidecar/core/y.h"'),
    ("tests/lib/http/x_test.cc", '#include "lib/http/chars.h"'),
    ("lib/base/log.cc", "#include <spdlog/spdlog.h>"),
    ("lib/http/x.cc", "#include <vector>"),
])
def test_granted_edges_pass(path, line):
    assert problems_in(path, line, PLANTED_LAYERS, lambda target: True) == []


def test_a_cycle_is_found():
    assert cycle_in({"a": ["b"], "b": ["c"], "c": ["a"]}) == ["a", "b", "c", "a"]


if __name__ == "__main__":
    sys.exit(pytest.main(["-q", __file__]))
