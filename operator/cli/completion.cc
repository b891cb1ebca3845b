#include "operator/cli/completion.h"

namespace sidestep::op::cli {
namespace {

constexpr const char* kListPolicies =
    "kubectl get reloadpolicies -o 'jsonpath={range .items[*]}{.metadata.name}{\"\\n\"}{end}' 2>/dev/null";

std::string names_of(const std::vector<VerbHelp>& verbs) {
  std::string names;
  for (const VerbHelp& verb : verbs) names += (names.empty() ? "" : " ") + verb.name;
  return names;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

// The branch of each verb, as bash and sh read it: words that may follow.
std::string branches(const std::vector<VerbHelp>& verbs) {
  std::string text;
  for (const VerbHelp& verb : verbs) {
    const std::string words = joined(verb.flags);
    text += "    " + verb.name + ") echo \"" + words + "\"" +
            (verb.takes_policy ? std::string("; ") + kListPolicies : std::string()) + " ;;\n";
  }
  return text;
}

std::string bash(const std::vector<VerbHelp>& verbs) {
  return "# source <(kubectl-sidestep completion bash)\n"
         "_kubectl_sidestep_words() {\n  case \"$1\" in\n" +
         branches(verbs) +
         "  esac\n}\n"
         "_kubectl_sidestep() {\n"
         "  local current=\"${COMP_WORDS[COMP_CWORD]}\" words=\"" +
         names_of(verbs) +
         "\"\n"
         "  if [ \"$COMP_CWORD\" -gt 1 ]; then words=\"$(_kubectl_sidestep_words \"${COMP_WORDS[1]}\")\"; "
         "fi\n"
         "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
         "}\n"
         "complete -F _kubectl_sidestep kubectl-sidestep\n";
}

std::string zsh(const std::vector<VerbHelp>& verbs) {
  return "#compdef kubectl-sidestep\n# source <(kubectl-sidestep completion zsh)\nautoload -U +X "
         "bashcompinit && bashcompinit\n" +
         bash(verbs);
}

std::string fish(const std::vector<VerbHelp>& verbs) {
  std::string text = "# kubectl-sidestep completion fish | source\ncomplete -c kubectl-sidestep -f\n";
  for (const VerbHelp& verb : verbs) {
    text +=
        "complete -c kubectl-sidestep -n __fish_use_subcommand -a " + verb.name + " -d '" + verb.help + "'\n";
    const std::string when =
        "complete -c kubectl-sidestep -n '__fish_seen_subcommand_from " + verb.name + "'";
    for (const std::string& flag : verb.flags) text += when + " -l " + flag.substr(2) + "\n";
    if (verb.takes_policy)
      text += when + " -a '(" +
              std::string("kubectl get reloadpolicies -o name 2>/dev/null | string replace -r \".*/\" \"\"") +
              ")'\n";
  }
  return text;
}

// kubectl gives the words behind "kubectl sidestep", the last one unfinished, and reads one candidate a line
// and then a directive; 4: no files.
std::string kubectl(const std::vector<VerbHelp>& verbs) {
  return "#!/bin/sh\n# Save as kubectl_complete-sidestep in a folder of $PATH, executable.\n"
         "words() {\n  case \"$1\" in\n" +
         branches(verbs) +
         "  esac\n}\n"
         "if [ $# -le 1 ]; then found=\"" +
         names_of(verbs) +
         "\"; else found=\"$(words \"$1\")\"; fi\n"
         "for last in \"$@\"; do :; done\n"
         "for word in $found; do case \"$word\" in \"$last\"*) echo \"$word\" ;; esac; done\n"
         "echo :4\n";
}

}  // namespace

std::string completion_script(const std::string& shell, const std::vector<VerbHelp>& verbs) {
  if (shell == "bash") return bash(verbs);
  if (shell == "zsh") return zsh(verbs);
  if (shell == "fish") return fish(verbs);
  return shell == "kubectl" ? kubectl(verbs) : std::string();
}

}  // namespace sidestep::op::cli
