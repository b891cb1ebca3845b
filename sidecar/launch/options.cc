#include "sidecar/launch/options.h"

#include <charconv>
#include <functional>
#include <optional>

namespace sidestep::launch {

namespace {

constexpr const char* kHelp =
    R"(usage: sidestep-launch [OPTION]… -- COMMAND [ARG…]

Starts, signals and reaps the generations of an app for the proxy beside it. PID 1 of the app's container.
{port}, {socket}, {config} and {generation} in COMMAND are filled in for each generation.

  --run-dir DIR           volume shared with the proxy (SIDESTEP_RUN_DIR; default /sidestep)
  --socket PATH           the proxy's socket (default DIR/run/launch.sock)
  --config-dir DIR        where configuration snapshots go (SIDESTEP_CONFIG_DIR; default /run/sidestep-config
                          when it can be written, else DIR/run/config)
  --pins MOUNT=KEPT=STAGED[,…]
                          mounts whose content is pinned, and the folders of its copies (SIDESTEP_PINS)
  --max-config-bytes N    bound of one snapshot (default 16777216)
  --grace SECONDS         from SIGTERM to the end, until the proxy says otherwise (default 30)
  --abandon-after SECONDS end the app when no proxy has come back for that long (default 0: never)
  --lock-fd N             inherited file with a lock on it, kept open so that others see that a launcher lives
  --system-root DIR       read the memory limit from DIR/proc/self/cgroup and DIR/sys/fs/cgroup (for tests)
  --version, --help

Exits with the app's status when the proxy says so, 2 for wrong usage.
)";

struct Row {
  const char* flag;
  const char* variable;                         // nullptr: none
  std::function<bool(const std::string&)> set;  // false: not a value of the kind
  const char* example;
};

std::optional<std::int64_t> whole_number(const std::string& text, std::int64_t most) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 0 || value > most)
    return std::nullopt;
  return value;
}

std::string next_part(std::string& text, char end) {
  const std::size_t at = text.find(end);
  std::string part = text.substr(0, at);
  text = at == std::string::npos ? std::string() : text.substr(at + 1);
  return part;
}

bool read_pins(std::string text, std::vector<Pin>& out) {
  std::vector<Pin> pins;
  while (!text.empty()) {
    std::string entry = next_part(text, ',');
    Pin pin{next_part(entry, '='), next_part(entry, '='), next_part(entry, '=')};
    const bool is_good =
        pin.mount.starts_with('/') && pin.kept.starts_with('/') && pin.staged.starts_with('/');
    if (!is_good || !entry.empty()) return false;
    while (pin.mount.size() > 1 && pin.mount.back() == '/') pin.mount.pop_back();
    pins.push_back(std::move(pin));
  }
  out = std::move(pins);
  return true;
}

std::vector<Row> rows(LaunchOptions& options) {
  const auto folder = [](std::string& to) {
    return [&to](const std::string& text) { return text.starts_with('/') && (to = text, true); };
  };
  const auto seconds = [](Millis& to) {
    return [&to](const std::string& text) {
      const auto value = whole_number(text, 1'000'000);
      if (value) to = Millis{*value * 1000};
      return value.has_value();
    };
  };
  const auto bytes = [&options](const std::string& text) {
    const auto value = whole_number(text, std::int64_t{1} << 40);
    if (value) options.snapshots.max_bytes = static_cast<std::size_t>(*value);
    return value.has_value();
  };
  const auto descriptor = [&options](const std::string& text) {
    const auto value = whole_number(text, 1'000'000);
    if (value) options.lock_fd = static_cast<int>(*value);
    return value.has_value();
  };
  const auto pins = [&options](const std::string& text) { return read_pins(text, options.pins); };
  return {
      {"--pins", "SIDESTEP_PINS", pins, "MOUNT=KEPT=STAGED, three absolute paths; more of them behind commas"},
      {"--run-dir", "SIDESTEP_RUN_DIR", folder(options.run_dir), "an absolute path, for instance /sidestep"},
      {"--socket", nullptr, folder(options.socket),
       "an absolute path, for instance /sidestep/run/launch.sock"},
      {"--config-dir", "SIDESTEP_CONFIG_DIR", folder(options.config_dir),
       "an absolute path, for instance /run/config"},
      {"--system-root", nullptr, folder(options.system_root), "an absolute path, for instance /made-up"},
      {"--lock-fd", nullptr, descriptor, "the number of an inherited descriptor, for instance 3"},
      {"--max-config-bytes", nullptr, bytes, "a whole number of bytes, for instance 16777216"},
      {"--grace", nullptr, seconds(options.end.grace), "whole seconds, for instance 30"},
      {"--abandon-after", nullptr, seconds(options.end.abandon_after), "whole seconds, for instance 300"}};
}

std::string bad_value(const std::string& name, const std::string& value, const Row& row) {
  return name + ": \"" + value + "\" is not " + row.example + "\n";
}

}  // namespace

ParsedOptions parse_options(const std::vector<std::string>& args, const char* (*environment)(const char*)) {
  ParsedOptions parsed;
  const auto table = rows(parsed.options);
  std::string wrong;
  for (const Row& row : table) {
    const char* value = row.variable == nullptr ? nullptr : environment(row.variable);
    if (value != nullptr && *value != '\0' && !row.set(value)) wrong += bad_value(row.variable, value, row);
  }
  std::size_t i = 0;
  for (; i < args.size() && args[i] != "--"; ++i) {
    if (args[i] == "--help" || args[i] == "-h") return {{}, kHelp, ParsedOptions::kPrint};
    if (args[i] == "--version") return {{}, "sidestep-launch " SIDESTEP_VERSION "\n", ParsedOptions::kPrint};
    const std::size_t equals = args[i].find('=');
    const std::string name = args[i].substr(0, equals);
    const Row* found = nullptr;
    for (const Row& row : table) found = row.flag == name ? &row : found;
    if (found == nullptr) {
      wrong += "\"" + args[i] + "\" is not an option; the app's command goes after --, see --help\n";
      break;  // what follows may be the command of somebody who forgot the dashes
    }
    const bool has_next = equals == std::string::npos && i + 1 < args.size() && args[i + 1] != "--";
    if (equals == std::string::npos && !has_next) {
      wrong += name + " needs a value: " + found->example + "\n";
      continue;
    }
    const std::string value = has_next ? args[++i] : args[i].substr(equals + 1);
    if (!found->set(value)) wrong += bad_value(name, value, *found);
  }
  if (i < args.size() && args[i] == "--") {
    parsed.options.command.assign(args.begin() + static_cast<std::ptrdiff_t>(i) + 1, args.end());
  }
  const bool has_command = !parsed.options.command.empty() && !parsed.options.command[0].empty();
  if (!has_command && wrong.empty())
    wrong = "no command: write it after --, for instance sidestep-launch -- /bin/app --port {port}\n";
  if (!wrong.empty()) return {{}, wrong, ParsedOptions::kWrong};
  if (parsed.options.socket.empty()) parsed.options.socket = parsed.options.run_dir + "/run/launch.sock";
  return parsed;
}

}  // namespace sidestep::launch
