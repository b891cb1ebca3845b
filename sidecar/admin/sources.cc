#include "sidecar/admin/sources.h"

#include <filesystem>

#include "lib/base/bounded_file.h"
#include "lib/policy/signature.h"

namespace sidestep::sidecar {
namespace {

namespace fs = std::filesystem;

std::string link_of(const std::string& folder) {
  std::error_code failure;
  const fs::path link = fs::read_symlink(fs::path(folder) / "..data", failure);
  return failure ? std::string() : link.string();
}

void add_digest(const fs::path& file, policy::Digests& out) {
  const auto bytes = read_at_most(file, SourceReader::kMostFileBytes + 1);
  if (bytes && bytes->size() <= SourceReader::kMostFileBytes)
    out[file.filename().string()] = policy::sha256_hex(*bytes);
}

policy::Digests digests_of(const std::string& folder) {
  policy::Digests digests;
  std::error_code failure;
  for (auto entry = fs::directory_iterator(folder, failure); !failure && entry != fs::directory_iterator();
       entry.increment(failure)) {
    if (digests.size() >= SourceReader::kMostKeys) break;
    const bool is_mounts_own = entry->path().filename().string().starts_with("..");
    if (!is_mounts_own && entry->is_regular_file(failure)) add_digest(entry->path(), digests);
  }
  return digests;
}

}  // namespace

std::vector<policy::SourceContent> SourceReader::read() {
  std::vector<policy::SourceContent> contents;
  const std::lock_guard lock(mutex_);
  for (const SourceMount& mount : mounts_) {
    const std::string before = link_of(mount.folder);
    Seen& seen = seen_[mount.folder];
    if (before.empty() || seen.link != before) {
      seen.digests = digests_of(mount.folder);
      seen.link = link_of(mount.folder) == before ? before : std::string();  // exchanged while it was read
    }
    contents.push_back({mount.name, seen.digests});
  }
  return contents;
}

}  // namespace sidestep::sidecar
