#include "sidecar/config/option_docs.h"

namespace sidestep::sidecar {
namespace {

bool is_limit(const OptionRow& row) {
  return row.group == OptionGroup::kRequestLimits || row.group == OptionGroup::kControlLimits;
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

constexpr std::string_view kRunHead =
    "Runs an app behind a port and replaces it without losing a request.\n\n"
    "usage: sidestep run --listen ADDR:PORT [OPTION…] -- CMD ARG…\n"
    "       sidestep run --listen ADDR:PORT [OPTION…] --attach ADDR:PORT\n\n"
    "{port}, {socket}, {config} and {generation} are filled in, in the command and in --env.\n";
constexpr std::string_view kProxyHead =
    "Holds a pod's port and routes each request to a generation of the app, which sidestep-launch starts\n"
    "in its own container.\n\nusage: sidestep proxy [OPTION…]\n";

}  // namespace

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
      "belong to the policy: `hold`, `drain`, `readiness` in [contracts.md](contracts.md).\n";
  const OptionRow* previous = nullptr;
  for (const OptionRow& row : option_table()) {
    if (!is_limit(row)) continue;
    add_heading(out, row, previous, "| option | variable | default | what it bounds | at the limit |",
                "| --- | --- | --- | --- | --- |");
    out += "| " + code(with_argument(row)) + " | " + code(row.env) + " | " + cell(row.fallback) + " | " +
           cell(row.help) + " | " + cell(row.at_limit) + " |\n";
  }
  return out;
}

}  // namespace sidestep::sidecar
