// The held port in the app's command, args and environment: {port} takes its place where nothing else can be
// meant. A number that may be anything ("--timeout 80") is left alone, with a note.
#include <algorithm>
#include <array>

#include "lib/policy/fields.h"
#include "lib/policy/pod_inject_parts.h"

namespace sidestep::policy {
namespace {

// What a listen address may stand in front of the port with; to a loopback one an app may also connect.
constexpr std::array<std::string_view, 4> kEverywhere{"", "0.0.0.0", "[::]", "*"};
constexpr std::array<std::string_view, 3> kLoopback{"127.0.0.1", "localhost", "[::1]"};
constexpr std::array<std::string_view, 8> kOtherPorts{"support", "export",   "import",   "transport",
                                                      "report",  "passport", "viewport", "reuseport"};
// Of a port too, but of something else about it: "port-timeout", "no-port".
constexpr std::array<std::string_view, 17> kMeasures{
    "timeout", "count",   "max",   "min",      "size",    "limit", "seconds", "ms", "retries",
    "workers", "threads", "delay", "interval", "backlog", "reuse", "no",      "queue"};

template <typename List>
bool has(const List& list, std::string_view each) {
  return std::find(list.begin(), list.end(), each) != list.end();
}

bool is_port_word(std::string_view word) {
  const auto begins = [word](std::string_view with) { return word.starts_with(with); };
  if (begins("listen") || begins("addr") || begins("bind")) return true;
  if (word.ends_with("s")) word.remove_suffix(1);
  return word.ends_with("port") && !has(kOtherPorts, word);
}

// Of a flag or variable: "--http-port", "-Dserver.port", "SHOP_LISTEN".
bool speaks_of_port(const std::string& name) {
  if (name == "-p") return true;
  bool is_port = false;
  std::string word;
  for (const char c : lower(name) + "-") {
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
      word += c;
      continue;
    }
    if (has(kMeasures, word)) return false;
    is_port = is_port || is_port_word(word);
    word.clear();
  }
  return is_port;
}

enum class PortUse : std::uint8_t { kNone, kPort, kPortInside, kUnclear };

struct WordUse {
  PortUse use = PortUse::kNone;
  std::string changed = {};  // of kPort
};

// One word, and the one before it, which may be its flag. An address in a URL is another server's.
WordUse use_of(const std::string& before, const std::string& word, std::int64_t port) {
  if (!names_port(word, port) || word.find("://") != word.npos) return {};
  const std::string number = std::to_string(port);
  const std::size_t equals = word.find('=');
  const std::string value = equals == word.npos ? word : word.substr(equals + 1);
  const std::string name = equals != word.npos ? word.substr(0, equals) : before;
  // "--listen=:80" has its value already: what follows is not one.
  const bool is_flag = before.starts_with("-") && before.find('=') == before.npos;
  const bool is_named = (equals != word.npos || is_flag) && speaks_of_port(name);
  if (value.ends_with(number)) {
    const std::string host = value.substr(0, value.size() - number.size());
    const std::string bare = host.substr(0, host.rfind(':'));
    const bool is_address = host.ends_with(":") && (has(kEverywhere, bare) || has(kLoopback, bare));
    if (is_address || (host.empty() && is_named))
      return {PortUse::kPort, word.substr(0, word.size() - number.size()) + "{port}"};
  }
  return {is_named ? PortUse::kPortInside : PortUse::kUnclear};
}

// Words of a shell's script count as words; the script itself is never changed.
PortUse use_in_script(const std::string& script, std::int64_t port) {
  constexpr std::string_view kBorders = " \t\n;|&()'\"`";
  PortUse found = PortUse::kNone;
  std::string before;
  for (std::size_t at = 0; at < script.size();) {
    const std::size_t end = std::min(script.find_first_of(kBorders, at), script.size());
    const std::string word = script.substr(at, end - at);
    at = end + 1;
    if (word.empty()) continue;
    const PortUse use = use_of(before, word, port).use;
    if (use == PortUse::kPort || use == PortUse::kPortInside) return PortUse::kPortInside;
    if (use == PortUse::kUnclear) found = use;
    before = word;
  }
  return found;
}

void fill_words(InjectRun& run, const char* list, std::string& before) {
  const std::string place = run.container_place() + "." + list, number = std::to_string(run.port);
  for (Value& word : list_in(run.container(), list)) {
    const std::string text = word.text;
    const bool is_script = text.find_first_of(" \t\n") != text.npos;
    const WordUse found = is_script ? WordUse{use_in_script(text, run.port)} : use_of(before, text, run.port);
    if (found.use == PortUse::kPort) {
      run.note(&word, place, text, "the sidecar holds that port now; becomes " + found.changed);
      word = text_value(found.changed);
    } else if (found.use == PortUse::kPortInside) {
      run.refuse(&word, place, text,
                 "names port " + number + ", which the sidecar holds; write {port} or $PORT in its place");
    } else if (found.use == PortUse::kUnclear) {
      run.note(&word, place, text,
               "stays, since " + number +
                   " may be anything here; write {port} in its place if the app is to "
                   "listen there, since the sidecar holds that port");
    }
    before = text;
  }
}

// Where an app listens, and nothing that it could connect to.
bool listens_everywhere(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  return colon != address.npos && has(kEverywhere, address.substr(0, colon));
}

// A variable that does not speak of a port has to hold an address that can only be listened on.
void fill_environment(InjectRun& run) {
  if (find_member(run.container(), "env") == nullptr) return;
  for (Value& variable : list_in(run.container(), "env")) {
    Value* value = find_member(variable, "value");
    const std::string name = text_at(variable, "name");
    if (value == nullptr || !(speaks_of_port(name) || listens_everywhere(value->text))) continue;
    const WordUse found = use_of("", name + "=" + value->text, run.port);
    if (found.use != PortUse::kPort) continue;
    const std::string changed = found.changed.substr(name.size() + 1);
    run.note(value, run.container_place() + ".env[" + name + "]", value->text,
             "the sidecar holds that port now; becomes " + changed);
    *value = text_value(changed);
  }
}

}  // namespace

void fill_port(InjectRun& run) {
  std::string before;
  fill_words(run, "command", before);
  if (field(&run.container(), "args") != nullptr) fill_words(run, "args", before);
  fill_environment(run);
}

}  // namespace sidestep::policy
