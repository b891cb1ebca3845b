#include "sidecar/io/launcher_reports.h"

#include "lib/base/log.h"
#include "sidecar/core/worker_names.h"

namespace sidestep::sidecar {

namespace {

const std::string kPinnedFolder = "run/sockets";

Generation generation_of(std::uint64_t value) { return static_cast<Generation>(value); }

LauncherUp::Running running_of(const launch::Running& from, const std::string& sockets) {
  LauncherUp::Running to;
  to.generation = generation_of(from.generation);
  to.pid = static_cast<int>(from.pid);
  to.age = Millis{static_cast<std::int64_t>(from.age_ms)};
  if (from.socket == bound_socket(from.generation)) to.socket_path = pinned_socket(sockets, from.generation);
  to.socket_is_ready = from.socket_is_ready;
  to.config_of = generation_of(from.config_generation);
  to.is_stopping = from.is_stopping;
  to.command = from.argv;
  return to;
}

LauncherEvent event_of(launch::SpawnFailed m) {
  return SpawnFailed{generation_of(m.generation), std::move(m.message)};
}

LauncherEvent event_of(launch::Exited m) {
  return Exited{generation_of(m.generation),
                static_cast<int>(m.status),
                static_cast<int>(m.signal),
                m.forked_away,
                m.was_asked,
                m.out_of_memory,
                std::move(m.output)};
}

LauncherEvent event_of(launch::Gone m) { return Gone{generation_of(m.generation)}; }

LauncherEvent event_of(launch::TailReport m) {
  return OutputTail{generation_of(m.generation), std::move(m.output)};
}

LauncherEvent event_of(launch::ConfigHash m) {
  return ConfigTaken{generation_of(m.generation), std::move(m.hash), std::move(m.error)};
}

LauncherEvent event_of(launch::TermSeen) { return TermSeen{}; }

LauncherEvent event_of(launch::MemoryReport m) {
  MemoryRoom room;
  if (m.has_limit) room.limit = m.limit;
  room.used = m.used;
  room.active_resident = m.resident;
  return MemoryTold{generation_of(m.generation), room};
}

template <typename T>
ReadReport read_as(const launch::Frame& frame) {
  auto message = launch::decode<T>(frame);
  if (!message) return {std::nullopt, true};
  return {event_of(std::move(*message)), false};
}

ReadReport read_spawned(const launch::Frame& frame, const std::string& sockets) {
  const auto message = launch::decode<launch::Spawned>(frame);
  if (!message) return {std::nullopt, true};
  const bool has_socket = message->socket == bound_socket(message->generation);
  return {Spawned{generation_of(message->generation), static_cast<int>(message->pid),
                  has_socket ? pinned_socket(sockets, message->generation) : ""},
          false};
}

ReadReport read_refusal(const launch::Frame& frame) {
  const auto message = launch::decode<launch::Refusal>(frame);
  if (!message) return {std::nullopt, true};
  log::warn("launcher refused a command", {{"type", message->refused_type}, {"reason", message->reason}});
  return {};
}

}  // namespace

std::string bound_socket(std::uint64_t generation) {
  return "run/app/g" + std::to_string(generation) + ".sock";
}

std::string pinned_socket(const std::string& folder, std::uint64_t generation) {
  return folder + "/g" + std::to_string(generation) + ".sock";
}

std::string pinned_folder(int worker) {
  const int name = worker_name(worker);
  return kPinnedFolder + (name == 0 ? "" : std::to_string(name));
}

void rebase(AppAddress& address, const std::string& run_dir, int worker) {
  if (!address.socket_path.starts_with(run_dir + "/" + kPinnedFolder)) return;
  const std::string name = address.socket_path.substr(address.socket_path.rfind('/'));
  address.socket_path = run_dir + "/" + pinned_folder(worker) + name;
}

LauncherUp read_state(const launch::State& state, const std::string& sockets) {
  LauncherUp up;
  for (const launch::Running& one : state.running) up.running.push_back(running_of(one, sockets));
  for (const launch::SnapshotInfo& one : state.snapshots)
    up.snapshots.push_back({generation_of(one.generation), one.hash});
  for (const std::uint64_t one : state.leaving) up.leaving.push_back(generation_of(one));
  up.record = state.record;
  up.term_seen = state.term_seen;
  return up;
}

ReadReport read_report(const launch::Frame& frame, const std::string& sockets) {
  using launch::Type;
  switch (frame.type) {
    case Type::kSpawned:
      return read_spawned(frame, sockets);
    case Type::kSpawnFailed:
      return read_as<launch::SpawnFailed>(frame);
    case Type::kExited:
      return read_as<launch::Exited>(frame);
    case Type::kGone:
      return read_as<launch::Gone>(frame);
    case Type::kTailReport:
      return read_as<launch::TailReport>(frame);
    case Type::kConfigHash:
      return read_as<launch::ConfigHash>(frame);
    case Type::kTermSeen:
      return read_as<launch::TermSeen>(frame);
    case Type::kMemoryReport:
      return read_as<launch::MemoryReport>(frame);
    case Type::kRefusal:
      return read_refusal(frame);
    case Type::kState:
    case Type::kSocketReady:
    case Type::kHello:
    case Type::kWelcome:
    case Type::kSpawn:
    case Type::kSignal:
    case Type::kStop:
    case Type::kKeepListeners:
    case Type::kKeepRecord:
    case Type::kSnapshot:
    case Type::kDropSnapshot:
    case Type::kExitWith:
    case Type::kAskTail:
    case Type::kAskMemory:
      break;
  }
  log::warn("report of a newer launcher is not known here", {{"type", static_cast<int>(frame.type)}});
  return {};
}

}  // namespace sidestep::sidecar
