#include "sidecar/cli/arguments.h"

#include <algorithm>
#include <initializer_list>
#include <iterator>

#include "lib/base/duration.h"

namespace sidestep::sidecar::cli {
namespace {

constexpr VerbRow kVerbs[] = {
    {Verb::kReload, "reload", "[OPTION…] [-- NEWCMD…]", "replace the app; returns with the verdict"},
    {Verb::kStatus, "status", "[OPTION…]", "what runs, and how the last reload went"},
    {Verb::kPromote, "promote", "[OPTION…]", "make the candidate active now"},
    {Verb::kAbort, "abort", "[OPTION…]", "take the candidate back"},
    {Verb::kPause, "pause", "[OPTION…]", "stay at the present step"},
    {Verb::kResume, "resume", "[OPTION…]", "go on after pause"},
    {Verb::kWait, "wait", "[OPTION…]", "return when the running reload has ended, with its verdict"},
    {Verb::kWhy, "why", "[OPTION…]", "the decisions taken, newest last, each with its reason"},
    {Verb::kPodEnding, "pod-ending", "[OPTION…]", "the pod's preStop hook: returns when the pod may go"},
    {Verb::kUpgrade, "upgrade", "[OPTION…] [-- PROXYOPTION…]",
     "replace the proxy by the program that is on disk by now; nothing is lost"},
};

using Value = std::string_view;
using Verbs = std::initializer_list<Verb>;

struct Option {
  std::string_view flag;
  std::string_view argument;  // empty: a switch
  std::string_view help;
  std::uint32_t verbs;  // one bit for each verb that takes it
  Status (*set)(Arguments&, Value);
};

constexpr std::uint32_t of(Verbs verbs) {
  std::uint32_t bits = 0;
  for (const Verb verb : verbs) bits |= 1U << static_cast<unsigned>(verb);
  return bits;
}
constexpr std::uint32_t kAll = ~0U;

template <auto Member>
Status set_text(Arguments& arguments, Value value) {
  if (value.empty()) return invalid("empty; leave the option out, or give it a value");
  arguments.*Member = std::string(value);
  return {};
}

template <auto Member, bool kValue>
Status set_switch(Arguments& arguments, Value) {
  arguments.*Member = kValue;
  return {};
}

Status set_output(Arguments& arguments, Value value) {
  if (value != "json" && value != "text") return invalid("not a form of output; write json or text");
  arguments.json = value == "json";
  return {};
}

Status set_timeout(Arguments& arguments, Value value) {
  const Result<Millis> timeout = parse_duration(value);
  if (!timeout || timeout->count() == 0)
    return invalid("not a duration above zero; write for instance 30s or 5m");
  arguments.timeout = *timeout;
  return {};
}

Status set_env(Arguments& arguments, Value value) {
  const std::size_t equals = value.find('=');
  if (equals == Value::npos || equals == 0) return invalid("not KEY=VALUE");
  arguments.env.emplace_back(value.substr(0, equals), value.substr(equals + 1));
  return {};
}

using V = Verb;
constexpr std::uint32_t kSteers = of({V::kPromote, V::kAbort, V::kPause, V::kResume, V::kWait});

const Option kOptions[] = {
    {"--control", "PATH", "control socket (default: the only one there is)", kAll,
     set_text<&Arguments::control>},
    {"-o", "json|text", "form of the output", kAll, set_output},
    {"--timeout", "DURATION", "how long to wait (default: 5m)",
     of({V::kReload, V::kPromote, V::kAbort, V::kWait, V::kPodEnding, V::kUpgrade}), set_timeout},
    {"--no-wait", "", "return once it has begun", of({V::kReload, V::kPromote, V::kAbort, V::kUpgrade}),
     set_switch<&Arguments::wait, false>},
    {"--env", "KEY=VALUE", "for the candidate; may be repeated", of({V::kReload}), set_env},
    {"--attach", "ADDR:PORT", "move to an app that somebody else started", of({V::kReload}),
     set_text<&Arguments::attach>},
    {"--id", "ID", "name of the reload: the same one twice starts one", of({V::kReload}),
     set_text<&Arguments::id>},
    {"--reason", "TEXT", "kept in the record", of({V::kReload, V::kAbort}), set_text<&Arguments::reason>},
    {"--force", "", "reload: although memory is short; promote: although not judged, or active is dead",
     of({V::kReload, V::kPromote}), set_switch<&Arguments::force, true>},
    {"--reload", "ID", "the reload meant (default: the running one)", kSteers, set_text<&Arguments::reload>},
    {"--listening", "", "wait until the port is held, not for a reload", of({V::kWait}),
     set_switch<&Arguments::listening, true>},
    {"--help", "", "this text", kAll, set_switch<&Arguments::help, true>},
};

bool takes(Verb verb, const Option& option) {
  return (option.verbs & (1U << static_cast<unsigned>(verb))) != 0;
}

const Option* find_option(Verb verb, std::string_view flag) {
  if (flag == "-h") flag = "--help";
  if (flag == "--output") flag = "-o";
  const auto* option = std::find_if(std::begin(kOptions), std::end(kOptions),
                                    [&](const Option& o) { return o.flag == flag && takes(verb, o); });
  return option == std::end(kOptions) ? nullptr : option;
}

class Parser {
 public:
  Parser(const VerbRow& verb, const std::vector<std::string>& words) : verb_(verb), words_(words) {}

  Result<Arguments> parse() {
    arguments_.verb = verb_.verb;
    for (; at_ < words_.size() && words_[at_] != "--"; ++at_) read_word();
    if (at_ < words_.size()) read_command();
    if (!arguments_.attach.empty() && !arguments_.command.empty()) {
      add("--attach: given together with a command; leave one of the two out");
    }
    if (!mistakes_.empty()) return invalid(mistakes_);
    return std::move(arguments_);
  }

 private:
  void add(const std::string& line) { mistakes_ += (mistakes_.empty() ? "" : "\n") + line; }

  void read_word() {
    const std::string& word = words_[at_];
    const std::size_t equals = word.rfind("--", 0) == 0 ? word.find('=') : std::string::npos;
    const std::string name = word.substr(0, equals);
    const Option* option = find_option(verb_.verb, name);
    if (option == nullptr) {
      return add(name + ": no option of sidestep " + std::string(verb_.name) + "; see sidestep " +
                 std::string(verb_.name) + " --help");
    }
    std::string value = equals == std::string::npos ? "" : word.substr(equals + 1);
    if (equals == std::string::npos && !option->argument.empty()) {
      if (at_ + 1 >= words_.size() || words_[at_ + 1] == "--") {
        return add(name + ": no value; write " + name + " " + std::string(option->argument));
      }
      value = words_[++at_];
    }
    const Status done = option->set(arguments_, value);
    if (!done) add(name + ": \"" + value + "\": " + done.error().detail);
  }

  void read_command() {
    arguments_.command.assign(words_.begin() + static_cast<std::ptrdiff_t>(at_) + 1, words_.end());
    if (verb_.verb != Verb::kReload && verb_.verb != Verb::kUpgrade)
      add("--: only sidestep reload takes a command, and sidestep upgrade options");
    else if (arguments_.command.empty())
      add("--: no command after it; write -- CMD ARG…, or leave -- out");
  }

  const VerbRow& verb_;
  const std::vector<std::string>& words_;
  std::size_t at_ = 0;
  Arguments arguments_;
  std::string mistakes_;
};

}  // namespace

std::span<const VerbRow> verb_table() { return kVerbs; }

const VerbRow* find_verb(std::string_view name) {
  const auto* row =
      std::find_if(std::begin(kVerbs), std::end(kVerbs), [&](const VerbRow& r) { return r.name == name; });
  return row == std::end(kVerbs) ? nullptr : row;
}

Result<Arguments> parse_arguments(const VerbRow& verb, const std::vector<std::string>& words) {
  return Parser(verb, words).parse();
}

std::string usage_of(const VerbRow& verb) {
  std::string out = "usage: sidestep " + std::string(verb.name) + " " + std::string(verb.usage) + "\n" +
                    std::string(verb.help) + "\n\n";
  for (const Option& option : kOptions) {
    if (!takes(verb.verb, option)) continue;
    std::string left =
        "  " + std::string(option.flag) + (option.argument.empty() ? "" : " ") + std::string(option.argument);
    left.resize(std::max<std::size_t>(left.size() + 2, 24), ' ');
    out += left + std::string(option.help) + "\n";
  }
  return out;
}

}  // namespace sidestep::sidecar::cli
