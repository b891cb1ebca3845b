// What one worker hands to the one that replaces it, beside descriptors: the control thread's whole state, as
// plain values (core/archive.h), and the frames in which two workers of a proxy speak
// (sidecar/launch/wire.h). Decides nothing, reads and writes no socket.
//
// Handover: the new worker sends Hello, the present one answers State. Afterwards, over another socket that
// the parent makes, the one that serves sends Routes, and the one that was replaced sends Idle, Counters and
// Suspect.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sidecar/core/model.h"
#include "sidecar/core/snapshot.h"
#include "sidecar/io/driver_fleet.h"
#include "sidecar/io/driver_snapshot.h"
#include "sidecar/io/tls_keeper.h"
#include "sidecar/launch/protocol.h"

namespace sidestep::sidecar {

// Another number: state that this program cannot read. Added fields do not change it.
constexpr std::uint64_t kHandoverVersion = 1;

struct DriverState {
  Model model;
  std::map<Generation, Facts> fleet;
  Remembered remembered;
  Decisions decisions;
  std::uint64_t routes_version = 0;
  std::map<Generation, std::uint64_t> closing_since;
  std::uint64_t serial = 0;
  std::string record;
  std::string policy_text;
  ShardCounters at_judging;
  std::set<Generation> snapshots;
  std::vector<Generation> unchecked;
  bool is_booted = false;
  bool is_first_launcher = true;
};

struct LauncherState {
  std::string token;
  bool was_given = false;
  bool is_up = false;  // then the connection comes with the state
  std::string unread;  // bytes of a frame that has not come whole
  std::string unsent;
  std::uint64_t refused = 0;
  std::vector<std::uint64_t> pinned;  // generations whose sockets come with the state, in order
  std::vector<std::string> features;  // of its hello
};

struct WorkerState {
  DriverState driver;
  LauncherState launcher;
  ShardCounters gone;  // of workers that have ended
  std::map<int, ShardCounters>
      older;            // of those that go on, by number; the one that hands over is among them
  std::string control;  // admin/control.h
  TicketKeys tickets;
};
std::string encode(const WorkerState& state);
std::optional<WorkerState> decode_worker_state(std::string_view bytes);  // none: it does not add up

// ---- frames ----

struct HandoverHello {
  static constexpr launch::Type kType = static_cast<launch::Type>(1'001);
  std::uint64_t version = 0;
  std::string program_version;
  template <typename Self, typename F>
  static void fields(Self& s, F&& f) {
    f(1, s.version), f(2, s.program_version);
  }
};

// Its descriptors: the launcher's connection when it is up, then the pinned sockets.
struct HandoverState {
  static constexpr launch::Type kType = static_cast<launch::Type>(1'002);
  std::string bytes;
  std::uint64_t descriptors = 0;
  template <typename Self, typename F>
  static void fields(Self& s, F&& f) {
    f(1, s.bytes), f(2, s.descriptors);
  }
};

struct LinkRoutes {
  static constexpr launch::Type kType = static_cast<launch::Type>(1'003);
  std::string table;
  std::vector<std::uint64_t> pinned;  // generations whose bound sockets come with it, in order
  template <typename Self, typename F>
  static void fields(Self& s, F&& f) {
    f(1, s.table), f(2, s.pinned);
  }
};
std::string encode(const RouteTable& table);
std::optional<RouteTable> decode_routes(std::string_view bytes);

struct LinkIdle {
  static constexpr launch::Type kType = static_cast<launch::Type>(1'004);
  std::uint64_t generation = 0;
  std::uint64_t version = 0;
  template <typename Self, typename F>
  static void fields(Self& s, F&& f) {
    f(1, s.generation), f(2, s.version);
  }
};

struct LinkCounters {
  static constexpr launch::Type kType = static_cast<launch::Type>(1'005);
  std::string counters;
  template <typename Self, typename F>
  static void fields(Self& s, F&& f) {
    f(1, s.counters);
  }
};
std::string encode(const ShardCounters& counters);
std::optional<ShardCounters> decode_counters(std::string_view bytes);

struct LinkSuspect {
  static constexpr launch::Type kType = static_cast<launch::Type>(1'006);
  std::uint64_t generation = 0;
  template <typename Self, typename F>
  static void fields(Self& s, F&& f) {
    f(1, s.generation);
  }
};

}  // namespace sidestep::sidecar
