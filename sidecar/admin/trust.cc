#include "sidecar/admin/trust.h"

#include <algorithm>
#include <filesystem>

#include "lib/base/bounded_file.h"

namespace sidestep::sidecar {
namespace {

constexpr std::size_t kMostKeyBytes = 8'192;

std::string content(const std::filesystem::path& path) {
  return read_at_most(path, kMostKeyBytes + 1).value_or("");
}

}  // namespace

void TrustStore::read(TimePoint now) {
  was_read_ = true;
  read_at_ = now;
  keys_.clear();
  problems_.clear();
  std::error_code failure;
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, failure)) {
    const std::string name = entry.path().filename().string();
    if (name.front() != '.' && !entry.is_directory(failure))
      files.push_back(entry.path());  // "..data" is the mount's own
    if (files.size() > kMostKeys) break;
  }
  std::sort(files.begin(), files.end());
  for (const auto& file : files) {
    if (keys_.size() == kMostKeys) break;
    Result<policy::PublicKey> key = policy::PublicKey::from_pem(content(file));
    if (key)
      keys_.push_back(*std::move(key));
    else
      problems_.push_back(file.string() + ": " + key.error().detail);
  }
}

const policy::PublicKey* TrustStore::find(const std::string& key_id, TimePoint now) {
  if (folder_.empty()) return nullptr;
  if (!was_read_ || now - read_at_ > kFreshFor) read(now);
  for (const policy::PublicKey& key : keys_) {
    if (key.id() == key_id) return &key;
  }
  return nullptr;
}

}  // namespace sidestep::sidecar
