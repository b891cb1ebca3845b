#include "sidecar/io/listening_table.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

namespace sidestep::sidecar {

namespace {

constexpr const char* kListenState = "0A";
constexpr std::size_t kDiagBuffer = 8'192;  // the kernel sends a page at a time

// One line of /proc/net/tcp: "sl local rem st tx:rx tr:when retrnsmt uid timeout inode".
bool parse_line(const std::string& line, Listening& out) {
  std::istringstream in(line);
  std::string slot, local, remote, state, skip, inode;
  if (!(in >> slot >> local >> remote >> state) || state != kListenState) return false;
  for (int i = 0; i < 5; ++i) in >> skip;
  if (!(in >> inode)) return false;
  const std::size_t colon = local.find(':');
  if (colon == std::string::npos) return false;
  const std::string address = local.substr(0, colon);
  out.port = static_cast<std::uint16_t>(std::strtoul(local.c_str() + colon + 1, nullptr, 16));
  out.any_address = address.find_first_not_of('0') == std::string::npos;
  out.inode = std::strtoull(inode.c_str(), nullptr, 10);
  return true;
}

// The kernel lists who listens before everybody else (tcp_ipv4.c, tcp_get_idx), and the others may be tens of
// thousands.
void read_file(const std::string& path, std::vector<Listening>& all) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);  // the head
  for (Listening entry; std::getline(in, line) && parse_line(line, entry);) all.push_back(entry);
}

bool ask_diag(int fd, std::uint8_t family, std::vector<Listening>& all) {
  struct {
    nlmsghdr header;
    inet_diag_req_v2 question;
  } request{};
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.question.sdiag_family = family;
  request.question.sdiag_protocol = IPPROTO_TCP;
  request.question.idiag_states = 1U << TCP_LISTEN;
  if (::send(fd, &request, sizeof request, MSG_DONTWAIT) != sizeof request) return false;
  alignas(nlmsghdr) std::array<char, kDiagBuffer> buffer;
  while (true) {
    const ssize_t count = ::recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT | MSG_TRUNC);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0 || static_cast<std::size_t>(count) > buffer.size()) return false;
    const std::optional<bool> over = parse_diag(buffer.data(), static_cast<std::size_t>(count), all);
    if (!over) return false;
    if (*over) return true;
  }
}

}  // namespace

std::optional<bool> parse_diag(const char* bytes, std::size_t size, std::vector<Listening>& all) {
  while (size >= sizeof(nlmsghdr)) {
    nlmsghdr header;
    std::memcpy(&header, bytes, sizeof header);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > size) return std::nullopt;
    if (header.nlmsg_type == NLMSG_DONE) return true;
    inet_diag_msg socket;
    if (header.nlmsg_type != SOCK_DIAG_BY_FAMILY || header.nlmsg_len < NLMSG_HDRLEN + sizeof socket)
      return std::nullopt;  // NLMSG_ERROR: there is no inet_diag
    std::memcpy(&socket, bytes + NLMSG_HDRLEN, sizeof socket);
    const auto& address = socket.id.idiag_src;
    const bool any = std::all_of(std::begin(address), std::end(address), [](auto word) { return word == 0; });
    all.push_back({ntohs(socket.id.idiag_sport), any, socket.idiag_inode});
    const std::size_t step = std::min<std::size_t>(NLMSG_ALIGN(header.nlmsg_len), size);
    bytes += step;
    size -= step;
  }
  return false;
}

ListeningTable::ListeningTable(std::string root)
    : root_(std::move(root)),
      diag_(root_.empty() ? ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG) : -1) {}

std::vector<Listening> ListeningTable::read() const {
  std::vector<Listening> all;
  if (diag_ && ask_diag(diag_.get(), AF_INET, all) && ask_diag(diag_.get(), AF_INET6, all)) return all;
  all.clear();
  read_file(root_ + "/proc/net/tcp", all);
  read_file(root_ + "/proc/net/tcp6", all);
  return all;
}

}  // namespace sidestep::sidecar
