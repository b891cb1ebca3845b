#include "sidecar/io/journal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>

#include "lib/loop/socket.h"

namespace sidestep::sidecar {

namespace {

constexpr std::size_t kMaxBytes = 1U << 20U;
constexpr std::string_view kMagic = "sidestep journal 1 ";

// CRC-32 as in IEEE 802.3.
std::uint32_t checksum(std::string_view bytes) {
  std::uint32_t crc = ~0U;
  for (const char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1U ^ (0xedb88320U & (0U - (crc & 1U)));
  }
  return ~crc;
}

std::string head_of(std::string_view record) {
  std::array<char, 64> numbers{};
  std::snprintf(numbers.data(), numbers.size(), "%08x %zu\n", checksum(record), record.size());
  return std::string(kMagic) + numbers.data();
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  return true;
}

void sync_folder(const std::string& folder) {
  const UniqueFd fd(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd) fsync(fd.get());
}

}  // namespace

Status Journal::write(const std::string& record) const {
  if (record.size() > kMaxBytes)
    return invalid("a journal record of " + std::to_string(record.size()) + " bytes is too large");
  const std::string draft = path() + ".new";
  if (mkdir(folder_.c_str(), 0700) != 0 && errno != EEXIST)
    return system_error("make folder " + folder_, errno);
  const UniqueFd fd(open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd) return system_error("write " + draft, errno);
  if (!write_all(fd.get(), head_of(record) + record)) return system_error("write " + draft, errno);
  if (fdatasync(fd.get()) != 0) return system_error("sync " + draft, errno);
  if (rename(draft.c_str(), path().c_str()) != 0) return system_error("rename " + draft, errno);
  sync_folder(folder_);
  return {};
}

Result<std::optional<std::string>> Journal::read() const {
  const UniqueFd fd(open(path().c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd && errno == ENOENT) return std::optional<std::string>();
  if (!fd) return system_error("read " + path(), errno);
  std::string text(kMaxBytes + 128, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(fd.get(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error("read " + path(), errno);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  text.resize(size);
  const std::size_t line = text.find('\n');
  const bool has_head = text.starts_with(kMagic) && line != std::string::npos;
  if (!has_head || text.substr(0, line + 1) != head_of(std::string_view(text).substr(line + 1))) {
    return invalid("journal " + path() + " is damaged; it is not used, and is replaced at the next change");
  }
  return std::optional<std::string>(text.substr(line + 1));
}

}  // namespace sidestep::sidecar
