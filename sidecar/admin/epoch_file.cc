#include "sidecar/admin/epoch_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <sstream>

namespace sidestep::sidecar {
namespace {

// One line each: the epoch, the lease, and the leases before it. "-" stands for no lease.
std::string text_of(const policy::EpochState& state) {
  std::string text =
      std::to_string(state.highest) + "\n" + (state.lease_uid.empty() ? "-" : state.lease_uid) + "\n";
  for (const std::string& lease : state.past_leases) text += lease + "\n";
  return text;
}

Status write_synced(const std::string& path, const std::string& text) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return system_error("open " + path, errno);
  const bool written =
      write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && fsync(file) == 0;
  const int failure = errno;
  close(file);
  if (!written) return system_error("write " + path, failure);
  return {};
}

}  // namespace

Result<policy::EpochState> read_epoch(const std::string& path) {
  std::ifstream file(path);
  if (!file) return policy::EpochState{};
  policy::EpochState state;
  std::string line;
  std::getline(file, line);
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), state.highest);
  if (error != std::errc{} || end != line.data() + line.size() || !std::getline(file, state.lease_uid)) {
    return invalid(path + ": \"" + line + "\": not an epoch; remove the file to start anew");
  }
  if (state.lease_uid == "-") state.lease_uid.clear();
  while (std::getline(file, line)) state.past_leases.push_back(line);
  return state;
}

Status write_epoch(const std::string& path, const policy::EpochState& state) {
  const std::string temporary = path + ".new";
  const Status written = write_synced(temporary, text_of(state));
  if (!written) return written;
  if (std::rename(temporary.c_str(), path.c_str()) != 0) return system_error("rename " + temporary, errno);
  return {};
}

}  // namespace sidestep::sidecar
