// The words after `sidestep COMMAND` as one plain value; which option belongs to which command is a table.
// Reports every mistake at once; touches nothing.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/clock.h"
#include "lib/base/result.h"

namespace sidestep::sidecar::cli {

enum class Verb : std::uint8_t {
  kReload,
  kStatus,
  kPromote,
  kAbort,
  kPause,
  kResume,
  kWait,
  kWhy,
  kPodEnding,
  kUpgrade
};

struct VerbRow {
  Verb verb;
  std::string_view name;
  std::string_view usage;  // what follows the name
  std::string_view help;
};
std::span<const VerbRow> verb_table();
const VerbRow* find_verb(std::string_view name);  // null: none of ours

struct Arguments {
  Verb verb = Verb::kStatus;
  std::string control;  // empty: look for it
  bool json = false;
  bool wait = true;
  bool listening = false;
  bool force = false;
  bool help = false;
  std::string id;      // of a new reload
  std::string reload;  // the reload meant; empty: the running or last one
  std::string reason;
  std::string attach;
  Millis timeout{300'000};
  std::vector<std::pair<std::string, std::string>> env;
  std::vector<std::string> command;  // after --; of upgrade: options of the proxy
};

// `words` are those after the command's name. The error has one line per mistake.
Result<Arguments> parse_arguments(const VerbRow& verb, const std::vector<std::string>& words);

std::string usage_of(const VerbRow& verb);

}  // namespace sidestep::sidecar::cli
