// Every option of `sidestep run` and `sidestep proxy`, one row each: flags, environment variables, --help and
// the tables in docs/ are made from these rows, so that none of them can lack one.
//
// A row reads one value into Options and says what is wrong with it; load.cc decides which source counts and
// adds the place. Constant data; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "sidecar/config/options.h"

namespace sidestep::sidecar {

enum class Program : std::uint8_t { kRun, kProxy };  // `sidestep run`, `sidestep proxy`
std::string_view to_string(Program program);

enum class OptionGroup : std::uint8_t {
  kTraffic,
  kApp,
  kControl,
  kFolders,
  kLogs,
  kProcess,
  kUpgrade,
  kRequestLimits,
  kControlLimits,
  kUpgradeLimits
};
std::string_view to_string(OptionGroup group);

struct OptionRow {
  OptionGroup group;
  std::string_view flag;      // "--listen"
  std::string_view argument;  // "ADDR:PORT"; empty: a switch
  std::string_view env;       // "SIDESTEP_LISTEN"; empty: no variable. Repeatable: values separated by commas
  bool repeatable;
  std::string_view fallback;  // the default, as a person reads it
  std::string_view help;      // one line
  std::string_view at_limit;  // limits only: what happens when it is reached
  // The error says what is wrong and how to write it; place and value are added by the caller.
  Status (*set)(Options& options, std::string_view value);
  std::string_view refusal =
      {};  // limits of the control port: their reason in sidestep_control_refused_total
};

std::span<const OptionRow> option_table();
// Null when there is none of that name.
const OptionRow* find_flag(std::string_view flag);

}  // namespace sidestep::sidecar
