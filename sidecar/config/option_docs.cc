#include "sidecar/config/option_docs.h"

#include <algorithm>

#include "sidecar/core/limit_names.h"

namespace sidestep::sidecar {
namespace {

bool is_limit(const OptionRow& row) {
  return row.group == OptionGroup::kRequestLimits || row.group == OptionGroup::kControlLimits ||
         row.group == OptionGroup::kUpgradeLimits;
}

bool fits(const OptionRow& row, Program program) {
  return program == Program::kRun || row.flag != "--attach";
}

std::string cell(std::string_view text) {  // '|' would end a table's cell
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

std::string code(std::string_view text) { return text.empty() ? "" : "`" + cell(text) + "`"; }

std::string with_argument(const OptionRow& row) {
  std::string text(row.flag);
  if (!row.argument.empty()) text += " " + std::string(row.argument);
  if (row.repeatable) text += " …";
  return text;
}

void add_heading(std::string& out, const OptionRow& row, const OptionRow*& previous, std::string_view columns,
                 std::string_view rule) {
  if (previous != nullptr && previous->group == row.group) return;
  out += "\n## " + std::string(to_string(row.group)) + "\n\n" + std::string(columns) + "\n" +
         std::string(rule) + "\n";
  previous = &row;
}

// sidestep_limit_hits_total{limit="max_head_bytes"} for --max-head-bytes.
std::string metric_of(const OptionRow& row) {
  if (!row.refusal.empty())
    return "sidestep_control_refused_total{reason=\"" + std::string(row.refusal) + "\"}";
  if (row.group == OptionGroup::kUpgradeLimits)
    return row.flag == "--upgrade-timeout" ? "sidestep_upgrades_total{result=\"failed\"}"
                                           : "sidestep_old_workers";
  const std::string name = limit_name(row);
  if (std::find(kLimitNames.begin(), kLimitNames.end(), name) == kLimitNames.end()) return "";
  return "sidestep_limit_hits_total{limit=\"" + name + "\"}";
}

// The launcher knows nothing of the option table; tests/sidecar/launch/limits_test.cc holds this against it.
constexpr std::string_view kLauncherLimits =
    "\n## Limits of the launcher\n\n"
    "Fixed, but for `--max-config-bytes` of `sidestep-launch`.\n\n"
    "| bound | what it bounds | at the limit |\n| --- | --- | --- |\n"
    "| 4 MiB | one message between launcher and proxy | the connection is closed |\n"
    "| 256 | messages kept while there is no proxy | the oldest are dropped |\n"
    "| 16 MiB | bytes that a proxy has not read | the connection is closed |\n"
    "| 64 | listeners kept for the next proxy | the command is refused |\n"
    "| 256 KiB | the proxy's record | the command is refused |\n"
    "| 16 | generations at the same time | the next one is not started |\n"
    "| 50 | lines of output kept for each generation | the oldest are dropped |\n"
    "| 2048 | bytes of such a line | it is cut, and marked |\n"
    "| 256 KiB | output that nobody reads | more is dropped and counted |\n"
    "| 16 MiB | one configuration snapshot (`--max-config-bytes`) | it is not taken; the error says so |\n"
    "| 4096 | files of one snapshot | it is not taken |\n"
    "| 32 | folders within folders of one snapshot | it is not taken |\n"
    "| 16 | snapshots at the same time | it is not taken |\n";

constexpr std::string_view kRunHead =
    "Runs an app behind a port and replaces it without losing a request.\n\n"
    "usage: sidestep run --listen ADDR:PORT [OPTION…] -- CMD ARG…\n"
    "       sidestep run --listen ADDR:PORT [OPTION…] --attach ADDR:PORT\n\n"
    "{port}, {socket}, {config} and {generation} are filled in, in the command and in --env.\n";
constexpr std::string_view kProxyHead =
    "Holds a pod's port and routes each request to a generation of the app, which sidestep-launch starts\n"
    "in its own container.\n\nusage: sidestep proxy [OPTION…]\n";

}  // namespace

std::string limit_name(const OptionRow& row) {
  std::string name(row.flag.substr(2));
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

std::string usage(Program program) {
  std::string out(program == Program::kRun ? kRunHead : kProxyHead);
  const OptionRow* previous = nullptr;
  for (const OptionRow& row : option_table()) {
    if (!fits(row, program)) continue;
    if (previous == nullptr || previous->group != row.group)
      out += "\n" + std::string(to_string(row.group)) + "\n";
    previous = &row;
    std::string left = "  " + with_argument(row);
    left.resize(std::max<std::size_t>(left.size() + 2, 38), ' ');
    out += left + std::string(row.help) + " (default: " + std::string(row.fallback) + ")\n";
  }
  return out +
         "\nEach option but --env and --attach has an environment variable: --control-listen is "
         "SIDESTEP_CONTROL_LISTEN.\n";
}

std::string options_markdown() {
  std::string out =
      "# Options of `sidestep run` and `sidestep proxy`\n\n"
      "Made from the option table (`sidecar/config/option_table.cc`); `SIDESTEP_WRITE_DOCS=1` in the "
      "environment of\n"
      "`sidecar_config_test` writes it anew. A flag beats the variable, and both beat the policy file. An "
      "option that may\n"
      "be repeated (…) takes values separated by commas in its variable. Limits are in "
      "[limits.md](limits.md).\n";
  const OptionRow* previous = nullptr;
  for (const OptionRow& row : option_table()) {
    if (is_limit(row)) continue;
    add_heading(out, row, previous, "| option | variable | default | meaning |", "| --- | --- | --- | --- |");
    out += "| " + code(with_argument(row)) + " | " + code(row.env) + " | " + cell(row.fallback) + " | " +
           cell(row.help) + " |\n";
  }
  return out;
}

std::string limits_markdown() {
  std::string out =
      "# Limits\n\n"
      "Everything that could grow has a bound; each is an option. Made from the option table\n"
      "(`sidecar/config/option_table.cc`), as [options.md](options.md) is. The bounds of a hold, of drains "
      "and of probes\n"
      "belong to the policy: `hold`, `drain`, `readiness` in [contracts.md](contracts.md). How often each "
      "was "
      "reached is\n"
      "counted: the last column is a metric of `/metrics`. `limit=\"descriptors\"` counts how often the "
      "process "
      "had no descriptor\n"
      "left (`RLIMIT_NOFILE`, raised to its hard limit at the start): clients that were idle for longest are "
      "closed then.\n";
  const OptionRow* previous = nullptr;
  for (const OptionRow& row : option_table()) {
    if (!is_limit(row)) continue;
    add_heading(out, row, previous,
                "| option | variable | default | what it bounds | at the limit | metric |",
                "| --- | --- | --- | --- | --- | --- |");
    out += "| " + code(with_argument(row)) + " | " + code(row.env) + " | " + cell(row.fallback) + " | " +
           cell(row.help) + " | " + cell(row.at_limit) + " | " + code(metric_of(row)) + " |\n";
  }
  return out + std::string(kLauncherLimits);
}

}  // namespace sidestep::sidecar
