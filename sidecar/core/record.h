// What is kept over a restart of the proxy: roles, recipes, the next number, the running reload and the last
// ended ones. The same text goes to the journal and to the launcher, which echoes it.
//
// Pure: text and values only. The format is one line per thing, fields separated by tabs; unknown lines are
// ignored, so that an older proxy can read what a newer one wrote.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "sidecar/core/events.h"
#include "sidecar/core/model.h"
#include "sidecar/core/reload_machine.h"

namespace sidestep::sidecar {

struct RecordedGeneration {
  Role role = Role::kActive;
  Member member;
  AppAddress address;
  WallTime started_at;
  std::optional<WallTime> warm_until;  // of a retiring one that may take over
};

struct Record {
  std::uint64_t serial = 0;  // grows with every change: of journal and launcher, the larger one counts
  Generation last = Generation::kNone;
  Recipe base;  // what the options said; with another one, `sidestep run` starts afresh
  std::string policy_uid;
  std::string policy_text;  // pushed by the control API; empty: the options' policy
  std::vector<RecordedGeneration> generations;
  std::optional<ReloadView> running;  // without output and receipt
  std::vector<ReloadView> ended;      // the last few, likewise
};

std::string encode(const Record& record);
Result<Record> decode(std::string_view text);

struct Whereabouts {
  AppAddress address;
  WallTime started_at;
};
// The parts of the record that follow from the model.
Record record_of(const Model& model, const std::function<Whereabouts(Generation)>& where, const Now& now);

// The model with which a proxy begins. Without a record: nothing runs, `base` is to be started. With one: its
// active generation is taken to be up (LauncherUp corrects that); a candidate is not adopted, its reload is
// Interrupted; in Draining the promoted one stays active.
Model restore(const MachineSettings& settings, PolicyPtr policy, const Recipe& base,
              const std::optional<Record>& record, const Now& now);

}  // namespace sidestep::sidecar
