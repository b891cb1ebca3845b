#include "operator/io/write_ledger.h"

#include <algorithm>

namespace sidestep::op {
namespace {

constexpr Millis kBetweenDrops{1'000};

bool is_number(std::string_view text) {
  return !text.empty() && text[0] != '0' &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

bool is_older(std::string_view a, std::string_view b) {
  if (a == b) return false;
  if (!is_number(a) || !is_number(b)) return true;
  return a.size() != b.size() ? a.size() < b.size() : a < b;
}

void WriteLedger::wrote(const std::string& object, const std::string& version, TimePoint now) {
  const std::lock_guard lock(mutex_);
  marks_[object] = {version, now};
}

void WriteLedger::forget(const std::string& object) {
  const std::lock_guard lock(mutex_);
  marks_.erase(object);
}

// Not at every call: in a storm there are thousands of marks.
void WriteLedger::drop_old(TimePoint now) {
  if (now < drop_at_) return;
  drop_at_ = now + kBetweenDrops;
  std::erase_if(marks_, [&](const auto& entry) { return is_old(entry.second, now); });
}

bool WriteLedger::is_behind(const std::string& object, const std::string& cached, TimePoint now) {
  const std::lock_guard lock(mutex_);
  drop_old(now);
  const auto mark = marks_.find(object);
  if (mark == marks_.end() || is_old(mark->second, now)) return false;
  if (is_older(cached, mark->second.version)) return true;
  marks_.erase(mark);
  return false;
}

bool WriteLedger::any_missing(const std::string& prefix, const std::map<std::string, std::string>& cached,
                              TimePoint now) {
  const std::lock_guard lock(mutex_);
  drop_old(now);
  for (auto it = marks_.lower_bound(prefix); it != marks_.end() && it->first.starts_with(prefix); ++it)
    if (!is_old(it->second, now) && !cached.contains(it->first)) return true;
  return false;
}

}  // namespace sidestep::op
