// When is a generation idle in every worker of the proxy: the one that serves and those that still finish
// what they have? Each worker reports, for each generation that is being closed, the newest route table under
// which it was idle there; a worker that has ended counts as idle. Only then may the generation be signalled
// (invariant I1).
//
// Decides only. Control thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "sidecar/core/types.h"

namespace sidestep::sidecar {

class IdleEverywhere {
 public:
  struct Idle {
    Generation generation = Generation::kNone;
    std::uint64_t version = 0;  // every worker was idle under this table or a later one
    bool operator==(const Idle&) const = default;
  };

  void add_worker(int worker) { workers_.push_back(worker); }
  // What has become idle because that one is gone.
  std::vector<Idle> remove_worker(int worker);
  // A worker reports; the answer is there when this makes it idle everywhere.
  std::optional<Idle> note(int worker, Generation generation, std::uint64_t version);
  // Forgets reports of generations that no table closes any more.
  void keep_only(const std::vector<Generation>& closing);

 private:
  using Reports = std::map<int, std::uint64_t>;  // by worker
  std::optional<Idle> look(Generation generation, const Reports& reports) const;

  std::vector<int> workers_;
  std::map<Generation, Reports> reports_;
};

}  // namespace sidestep::sidecar
