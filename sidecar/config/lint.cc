#include "sidecar/config/lint.h"

#include "lib/policy/lint.h"

namespace sidestep::sidecar {
namespace {

constexpr std::size_t kMostFileBytes = std::size_t{4} << 20;
constexpr std::string_view kUsage =
    "usage: sidestep lint [--policy FILE]… [--manifest FILE]…\n"
    "Looks at ReloadPolicies and at the manifests of the pods that they are for. Exits 0, or 2 when there is "
    "a\n"
    "mistake; warnings alone do not change that.\n";

LintOutcome wrong(const std::string& text) { return {text + "\n" + std::string(kUsage), 2}; }

}  // namespace

LintOutcome run_lint(const std::vector<std::string>& words, const Machine& machine) {
  std::vector<policy::LintFile> policies, manifests;
  std::string mistakes;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::size_t equals = words[i].find('=');
    const std::string flag = words[i].substr(0, equals);
    if (flag == "--help" || flag == "-h") return {std::string(kUsage), 0};
    if (flag != "--policy" && flag != "--manifest")
      return wrong(flag + ": no option of sidestep lint; write --policy FILE or --manifest FILE");
    if (equals == std::string::npos && i + 1 == words.size())
      return wrong(flag + ": no value; write " + flag + " FILE");
    const std::string name = equals == std::string::npos ? words[++i] : words[i].substr(equals + 1);
    Result<std::string> text = machine.read_file(name, kMostFileBytes);
    if (!text)
      mistakes += flag + ": \"" + name + "\": " + text.error().detail + "; name a readable file\n";
    else
      (flag == "--policy" ? policies : manifests).push_back({name, *std::move(text)});
  }
  if (words.empty()) return wrong("sidestep lint: nothing to look at");
  const policy::LintLines findings = policy::lint(policies, manifests);
  for (const std::string& line : findings.mistakes) mistakes += line + "\n";
  std::string out = mistakes;
  for (const std::string& line : findings.warnings) out += "warning: " + line + "\n";
  return {out, mistakes.empty() ? 0 : 2};
}

}  // namespace sidestep::sidecar
