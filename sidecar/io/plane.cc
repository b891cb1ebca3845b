#include "sidecar/io/plane.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>

#include "lib/base/log.h"
#include "lib/loop/socket.h"
#include "sidecar/io/shard.h"

namespace sidestep::sidecar {
namespace {

constexpr Millis kCountersWait{500};

// Remembers which shards have said that a generation is idle, since it left the route table.
class IdleLedger {
 public:
  explicit IdleLedger(std::size_t shards) : all_((1U << shards) - 1), acknowledged_(shards, 0) {}

  // The generations that every shard has called idle by now; each is returned once per departure.
  std::vector<Generation> note(int shard, std::uint64_t version, const std::vector<Generation>& idle) {
    acknowledged_[static_cast<std::size_t>(shard)] = version;
    for (const Generation generation : idle) {
      const auto it = members_.find(generation);
      if (it != members_.end() && version >= it->second.entered) it->second.idle |= 1U << shard;
    }
    std::vector<Generation> everywhere;
    const std::uint64_t seen = seen_by_all();
    for (auto it = members_.begin(); it != members_.end();) {
      const Member& member = it->second;
      const bool is_idle =
          member.left > 0 && seen >= member.left && (member.idle & member.told) == member.told;
      if (is_idle) everywhere.push_back(it->first);
      it = is_idle ? members_.erase(it) : std::next(it);
    }
    return everywhere;
  }

  std::uint64_t seen_by_all() const { return *std::min_element(acknowledged_.begin(), acknowledged_.end()); }

  void published(const RouteTable& table) {
    for (auto& [generation, member] : members_) {
      if (member.left == 0 && !contains(table, generation)) member.left = table.version;
    }
    for (const Closing& closing : table.closing) {
      members_.try_emplace(closing.generation, Member{0, table.version, 0, 0});
    }
    for (const auto& entry : {table.active, table.candidate}) {
      if (!entry) continue;
      Member& member = members_.try_emplace(entry->generation, Member{table.version, 0, 0, 0}).first->second;
      if (member.left > 0 || member.told == 0) member = {table.version, 0, all_, 0};
    }
  }

 private:
  struct Member {
    std::uint64_t entered = 0;  // version of the table that it came in with
    std::uint64_t left = 0;     // version of the first table without it; 0: it is in
    unsigned told = 0;          // shards that know of it
    unsigned idle = 0;          // shards that are done with it
  };
  static bool contains(const RouteTable& table, Generation generation) {
    return (table.active && table.active->generation == generation) ||
           (table.candidate && table.candidate->generation == generation);
  }

  const unsigned all_;
  std::vector<std::uint64_t> acknowledged_;
  std::map<Generation, Member> members_;
};

}  // namespace

class ShardedPlane final : public Plane {
 public:
  ShardedPlane(const Options& options, PlaneEvents events, std::function<void(std::function<void()>)> post)
      : options_(options),
        events_(std::move(events)),
        post_(std::move(post)),
        sources_(options_.limits.max_clients_per_source),
        ledger_(static_cast<std::size_t>(std::max(1, options.shards))) {
    Result<TrustedSources> trusted = TrustedSources::parse(options_.trusted_sources);
    if (trusted)
      trusted_ = *std::move(trusted);
    else
      log::error("trusted sources ignored", {{"error", trusted.error().detail}});
  }
  ~ShardedPlane() override { ShardedPlane::stop(); }

  void start(std::vector<int> listeners, RouteTablePtr first) override;
  void publish(RouteTablePtr table) override;
  std::optional<ShardCounters> fresh_counters() override;
  ShardCounters latest_counters() const override;
  void reset_hold_mark() override {
    for (auto& shard : shards_) shard->reset_hold_mark();
  }
  void shed(MemoryPressure pressure) override {
    for (auto& shard : shards_) shard->shed(pressure);
  }
  void secure(front::TlsServerPtr terms, std::vector<CertificateView> certificates) override;
  void secure_app(front::TlsClientPtr terms, std::vector<CertificateView> certificates) override;
  std::vector<CertificateView> certificates() const override;
  void stop() override;

 private:
  ShardEvents shard_events();

  const Options options_;
  const PlaneEvents events_;
  const std::function<void(std::function<void()>)> post_;
  TrustedSources trusted_;
  SourceCounts sources_;
  std::vector<UniqueFd> listeners_;
  std::vector<std::unique_ptr<Shard>> shards_;
  RouteTablePtr last_ = std::make_shared<RouteTable>();
  IdleLedger ledger_;                     // control thread
  std::optional<std::uint64_t> left_at_;  // the first table by which nobody accepts here
  TlsTerms tls_;
  std::vector<CertificateView> certificates_;      // for clients
  std::vector<CertificateView> app_certificates_;  // for the app
};

ShardEvents ShardedPlane::shard_events() {
  ShardEvents events;
  events.acknowledged = [this](int shard, std::uint64_t version, std::vector<Generation> idle) {
    post_([this, shard, version, idle = std::move(idle)] {
      for (const Generation generation : ledger_.note(shard, version, idle)) {
        if (events_.idle) events_.idle(generation, version);
      }
      // Of a worker that was replaced: nobody waits there any more.
      if (left_at_ && ledger_.seen_by_all() >= *left_at_) listeners_.clear();
    });
  };
  events.suspect = [this](Generation generation) {
    post_([this, generation] {
      if (events_.suspect) events_.suspect(generation);
    });
  };
  events.starved = [this] {
    post_([this] {
      if (events_.starved) events_.starved();
    });
  };
  return events;
}

void ShardedPlane::start(std::vector<int> listeners, RouteTablePtr first) {
  for (const int fd : listeners) {
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // accepted connections inherit it
    listeners_.emplace_back(fd);
  }
  ledger_.published(*first);
  last_ = first;
  const int count = std::max(1, options_.shards);
  for (int i = 0; i < count; ++i) {
    shards_.push_back(std::make_unique<Shard>(options_, trusted_, sources_, i, count, shard_events()));
  }
  for (auto& shard : shards_) shard->start(listeners, first, tls_);
}

void ShardedPlane::secure(front::TlsServerPtr terms, std::vector<CertificateView> certificates) {
  tls_.clients = std::move(terms);
  certificates_ = std::move(certificates);
  for (auto& shard : shards_) shard->secure(tls_);
}

void ShardedPlane::secure_app(front::TlsClientPtr terms, std::vector<CertificateView> certificates) {
  tls_.app = std::move(terms);
  app_certificates_ = std::move(certificates);
  for (auto& shard : shards_) shard->secure(tls_);
}

// One row for each path: it may serve both sides.
std::vector<CertificateView> ShardedPlane::certificates() const {
  std::vector<CertificateView> all = certificates_;
  for (const CertificateView& one : app_certificates_) {
    const auto same = [&](const CertificateView& other) { return other.path == one.path; };
    if (std::none_of(all.begin(), all.end(), same)) all.push_back(one);
  }
  return all;
}

void ShardedPlane::publish(RouteTablePtr table) {
  if (table->version <= last_->version) return;
  ledger_.published(*table);
  last_ = table;
  if (table->clients_until && !left_at_) left_at_ = table->version;
  for (auto& shard : shards_) shard->publish(table);
}

std::optional<ShardCounters> ShardedPlane::fresh_counters() {
  struct Gathered {
    std::mutex mutex;
    std::condition_variable complete;
    ShardCounters sum;
    std::size_t answers = 0;
  };
  const auto gathered = std::make_shared<Gathered>();
  for (auto& shard : shards_) {
    shard->ask_counters([gathered](ShardCounters counters) {
      const std::lock_guard<std::mutex> lock(gathered->mutex);
      gathered->sum.add(counters);
      ++gathered->answers;
      gathered->complete.notify_one();
    });
  }
  std::unique_lock<std::mutex> lock(gathered->mutex);
  const bool complete =
      gathered->complete.wait_for(lock, kCountersWait, [&] { return gathered->answers == shards_.size(); });
  if (!complete) return std::nullopt;
  return gathered->sum;
}

ShardCounters ShardedPlane::latest_counters() const {
  ShardCounters sum;
  for (const auto& shard : shards_) sum.add(shard->latest_counters());
  return sum;
}

void ShardedPlane::stop() {
  for (auto& shard : shards_) shard->stop();
  shards_.clear();
  listeners_.clear();
}

std::unique_ptr<Plane> make_plane(const Options& options, PlaneEvents events,
                                  std::function<void(std::function<void()>)> post) {
  return std::make_unique<ShardedPlane>(options, std::move(events), std::move(post));
}

}  // namespace sidestep::sidecar
