#include "operator/io/webhook_bundle.h"

#include <algorithm>

namespace sidestep::op {
namespace {

constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----", kEnd = "-----END CERTIFICATE-----";
constexpr std::size_t kMostOthers = 4;

bool has(const std::vector<std::string>& list, const std::string& each) {
  return std::find(list.begin(), list.end(), each) != list.end();
}

}  // namespace

std::vector<std::string> certificates_in(std::string_view text) {
  std::vector<std::string> found;
  for (auto begin = text.find(kBegin); begin != text.npos; begin = text.find(kBegin)) {
    const auto end = text.find(kEnd, begin);
    if (end == text.npos) break;
    found.push_back(std::string(text.substr(begin, end + kEnd.size() - begin)) + "\n");
    text.remove_prefix(end + kEnd.size());
  }
  return found;
}

std::string WebhookBundle::wanted(const std::string& ours, const std::vector<std::string>& present,
                                  WallTime now) {
  const auto own = certificates_in(ours);
  std::vector<std::string> others;
  for (const std::string& bundle : present) {
    for (std::string& each : certificates_in(bundle))
      if (!has(own, each) && !has(others, each) && others.size() < kMostOthers)
        others.push_back(std::move(each));
  }
  std::string text;
  for (const std::string& each : others) text += each;
  if (text != others_) others_ = text, others_since_ = now;
  return now - others_since_ < overlap_ ? ours + text : ours;
}

void WebhookBundle::saw(const std::string& ours, const std::vector<std::string>& present, WallTime now) {
  const auto own = certificates_in(ours);
  const bool is_there = std::all_of(present.begin(), present.end(), [&own](const std::string& bundle) {
    const auto held = certificates_in(bundle);
    return std::all_of(own.begin(), own.end(), [&held](const std::string& each) { return has(held, each); });
  });
  if (!is_there || known_ != ours) known_since_.reset();
  known_ = ours;
  if (is_there && !known_since_) known_since_ = now;
}

bool WebhookBundle::is_known(const std::string& ours, WallTime now) const {
  return known_since_ && known_ == ours && now - *known_since_ >= kBundleSeen;
}

}  // namespace sidestep::op
