#include "sidecar/io/router.h"

#include <algorithm>

#include "sidecar/io/client_side.h"
#include "sidecar/io/shard.h"

namespace sidestep::sidecar {
namespace {

constexpr std::size_t kPastGenerations = 8;
constexpr int kRetryAfterSeconds = 1;

// A shard's part of a bound for the whole process; the parts sum up to the bound.
std::size_t part_of(std::size_t bound, int index, int count) {
  const auto shards = static_cast<std::size_t>(count);
  return bound / shards + (static_cast<std::size_t>(index) < bound % shards ? 1 : 0);
}

}  // namespace

Router::Router(Shard& shard)
    : shard_(shard),
      table_(std::make_shared<RouteTable>()),
      hold_(part_of(static_cast<std::size_t>(shard.options().policy.hold.max_requests), shard.index(),
                    shard.count()),
            part_of(static_cast<std::size_t>(shard.options().policy.hold.max_bytes), shard.index(),
                    shard.count())),
      retry_budget_(shard.limits().retry_budget_percent) {
  retry_budget_.set_floor(part_of(10, shard.index(), shard.count()));
}

Router::~Router() = default;

AppPool* Router::pool_of(const RouteEntry& entry) {
  for (auto& pool : pools_) {
    if (pool->generation() != entry.generation || !(pool->address() == entry.address)) continue;
    pool->serve_again();
    return pool.get();
  }
  pools_.push_back(std::make_unique<AppPool>(shard_, entry));
  const auto past = std::find_if(past_.begin(), past_.end(), [&](const GenerationCounters& g) {
    return g.generation == entry.generation;
  });
  if (past != past_.end()) {
    pools_.back()->counters() = *past;
    past_.erase(past);
  }
  return pools_.back().get();
}

bool Router::in_table(Generation generation) const {
  return (table_->active && table_->active->generation == generation) || is_candidate(generation);
}

void Router::apply(RouteTablePtr table) {
  if (table->version <= table_->version) return;
  table_ = std::move(table);
  active_ = table_->active ? pool_of(*table_->active) : nullptr;
  candidate_ = table_->candidate ? pool_of(*table_->candidate) : nullptr;
  const int weight = candidate_ != nullptr ? table_->candidate_weight : 0;
  weight_.set(weight, table_->weight_seed + static_cast<std::uint64_t>(shard_.index()) * 0x9E3779B97F4A7C15U);
  retire_missing();
  IntrusiveList<Stream> waiting;
  while (Stream* stream = hold_.queue().pop_front()) waiting.push_back(*stream);
  while (Stream* stream = waiting.pop_front()) stream->dispatch();
  acknowledge_due_ = true;
}

void Router::retire_missing() {
  for (std::size_t i = 0; i < pools_.size(); ++i) {
    AppPool& pool = *pools_[i];
    if (in_table(pool.generation())) continue;
    const auto closing = std::find_if(table_->closing.begin(), table_->closing.end(),
                                      [&](const Closing& c) { return c.generation == pool.generation(); });
    Closing plain;
    plain.generation = pool.generation();
    pool.retire(closing == table_->closing.end() ? plain : *closing);
  }
}

void Router::route(Stream& stream) {
  if (table_->refuse) {
    stream.reject(Outcome::kRefused, {503, kRetryAfterSeconds, "The app is going away."});
    return;
  }
  const bool is_new = !stream.is_held() && !stream.was_tried();
  if (is_new && shard_.sheds(MemoryPressure::kRequests)) {
    shard_.counters().limits.count(Limit::kMaxMemoryBytes);
    stream.reject(Outcome::kRefused, {503, kRetryAfterSeconds, "The proxy is short of memory."});
    return;
  }
  if (active_ == nullptr || table_->hold) {
    if (!table_->hold && shard_.events().starved) shard_.events().starved();
    if (admit_to_hold(stream)) hold_.queue().push_back(stream);
    return;
  }
  const bool to_candidate =
      candidate_ != nullptr && !stream.avoids_candidate() && weight_.next_is_candidate();
  (to_candidate ? candidate_ : active_)->acquire(stream);
}

bool Router::admit_to_hold(Stream& stream) {
  if (stream.is_held()) return true;
  if (!hold_.has_room()) {
    stream.reject(Outcome::kHoldOverflow, {503, kRetryAfterSeconds, "Too many requests wait for the app."});
    return false;
  }
  stream.mark_held();
  return true;
}

void Router::end_turn() {
  if (!acknowledge_due_) return;
  acknowledge_due_ = false;
  std::vector<Generation> idle;
  for (std::size_t i = 0; i < pools_.size();) {
    AppPool& pool = *pools_[i];
    if (!pool.is_retiring() || !pool.is_idle()) {
      ++i;
      continue;
    }
    idle.push_back(pool.generation());
    keep_counters(pool);
    pools_.erase(pools_.begin() + static_cast<std::ptrdiff_t>(i));
  }
  if (shard_.events().acknowledged)
    shard_.events().acknowledged(shard_.index(), table_->version, std::move(idle));
}

void Router::keep_counters(const AppPool& pool) {
  past_.push_back(pool.counters());
  if (past_.size() > kPastGenerations) past_.erase(past_.begin());
}

void Router::client_left(std::string_view introduction) {
  for (auto& pool : pools_) pool->client_left(introduction);
}

void Router::tick(TimePoint now) {
  for (auto& pool : pools_) pool->sweep(now);
  std::size_t in_pools = 0;
  for (auto& pool : pools_) in_pools += pool->held_bytes();
  hold_.measure(in_pools);
  while (hold_.bytes() > hold_.max_bytes()) {
    Stream* newest = newest_held();
    if (newest == nullptr) return;
    const std::size_t bytes = newest->waiting_bytes();
    newest->reject(Outcome::kHoldOverflow,
                   {503, kRetryAfterSeconds, "Requests that wait for the app hold too many bytes."});
    hold_.left(bytes);
  }
}

Stream* Router::newest_held() {
  if (Stream* stream = hold_.queue().back()) return stream;
  for (auto& pool : pools_) {
    if (Stream* stream = pool->newest_held()) return stream;
  }
  return nullptr;
}

void Router::collect(ShardCounters& into) const {
  for (const GenerationCounters& past : past_) into.generations.push_back(past);
  for (const auto& pool : pools_) into.generations.push_back(pool->counters());
  into.held_now = hold_.held();
  into.held_bytes_now = hold_.bytes();
  into.limits.set(Limit::kRetryBudgetPercent, retry_budget_.refused());
}

void Router::shut() {
  while (Stream* stream = hold_.queue().front())
    stream->reject(Outcome::kRefused, {503, 1, "The proxy ends."});
  for (auto& pool : pools_) pool->shut();
}

}  // namespace sidestep::sidecar
