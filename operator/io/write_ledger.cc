#include "operator/io/write_ledger.h"

#include <algorithm>

namespace sidestep::op {
namespace {

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

void WriteLedger::drop_old(TimePoint now) {
  std::erase_if(marks_, [&](const auto& entry) { return now - entry.second.at > memory_; });
}

bool WriteLedger::is_behind(const std::string& object, const std::string& cached, TimePoint now) {
  const std::lock_guard lock(mutex_);
  drop_old(now);
  const auto mark = marks_.find(object);
  if (mark == marks_.end()) return false;
  if (is_older(cached, mark->second.version)) return true;
  marks_.erase(mark);
  return false;
}

bool WriteLedger::any_missing(const std::string& prefix, const std::map<std::string, std::string>& cached,
                              TimePoint now) {
  const std::lock_guard lock(mutex_);
  drop_old(now);
  for (auto it = marks_.lower_bound(prefix); it != marks_.end() && it->first.starts_with(prefix); ++it)
    if (!cached.contains(it->first)) return true;
  return false;
}

}  // namespace sidestep::op
