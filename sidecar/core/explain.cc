#include "sidecar/core/explain.h"

#include <utility>

namespace sidestep::sidecar {

void DecisionLog::add(Decision decision) {
  if (most_ == 0) return;
  if (entries_.size() == most_) entries_.pop_front();
  entries_.push_back(std::move(decision));
  view_ = nullptr;
}

std::shared_ptr<const Decisions> DecisionLog::view() const {
  if (!view_) view_ = std::make_shared<const Decisions>(entries_.begin(), entries_.end());
  return view_;
}

}  // namespace sidestep::sidecar
