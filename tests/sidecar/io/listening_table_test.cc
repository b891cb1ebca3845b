// The kernel's answer about sockets of this process, and answers that are none.
#include "sidecar/io/listening_table.h"

#include <gtest/gtest.h>
#include <linux/netlink.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace sidestep::sidecar {
namespace {

const Listening* find(const std::vector<Listening>& all, std::uint16_t port) {
  const auto it =
      std::find_if(all.begin(), all.end(), [&](const Listening& one) { return one.port == port; });
  return it == all.end() ? nullptr : &*it;
}

std::uint64_t inode_of(const UniqueFd& socket) {
  struct stat status {};
  ::fstat(socket.get(), &status);
  return status.st_ino;
}

TEST(ListeningTable, WhoListensIsThereWithAddressAndInodeAndWhoDoesNotIsNot) {
  const ListeningTable table("");
  const UniqueFd local = std::move(*listen_tcp("127.0.0.1", 0));
  const UniqueFd any = std::move(*listen_tcp("0.0.0.0", 0));
  const std::uint16_t port = local_port(local.get());
  const UniqueFd client = std::move(*connect_tcp("127.0.0.1", port));
  const std::vector<Listening> all = table.read();
  const Listening* one = find(all, port);
  ASSERT_NE(one, nullptr);
  EXPECT_FALSE(one->any_address);
  EXPECT_EQ(one->inode, inode_of(local));
  ASSERT_NE(find(all, local_port(any.get())), nullptr);
  EXPECT_TRUE(find(all, local_port(any.get()))->any_address);
  EXPECT_EQ(find(all, local_port(client.get())), nullptr);
}

TEST(ListeningTable, TheKernelsAnswerAndItsFilesSayTheSame) {
  const UniqueFd local = std::move(*listen_tcp("127.0.0.1", 0));
  const UniqueFd any = std::move(*listen_tcp("0.0.0.0", 0));
  const std::vector<Listening> files = ListeningTable("/.").read(), kernel = ListeningTable("").read();
  for (const UniqueFd* socket : {&local, &any}) {
    const Listening* one = find(files, local_port(socket->get()));
    const Listening* other = find(kernel, local_port(socket->get()));
    ASSERT_TRUE(one != nullptr && other != nullptr);
    EXPECT_EQ(one->any_address, other->any_address);
    EXPECT_EQ(one->inode, other->inode);
  }
}

TEST(ListeningTable, OfAFileTheLinesBehindTheListenersAreNotRead) {
  const std::filesystem::path root =
      std::filesystem::temp_directory_path() / ("table" + std::to_string(::getpid()));
  std::filesystem::create_directories(root / "proc/net");
  std::ofstream(root / "proc/net/tcp")
      << "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt\n"
         "   0: 0100007F:1F90 00000000:0000 0A 0:0 0:0 0 0 0 41\n"
         "   1: 00000000:1F91 00000000:0000 0A 0:0 0:0 0 0 0 42\n"
         "   2: 0100007F:1F92 0100007F:9999 01 0:0 0:0 0 0 0 43\n"
         "   3: 0100007F:1F93 00000000:0000 0A 0:0 0:0 0 0 0 44\n";
  const std::vector<Listening> all = ListeningTable(root.string()).read();
  std::filesystem::remove_all(root);
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].port, 8080);
  EXPECT_EQ(all[0].inode, 41U);
  EXPECT_TRUE(all[1].any_address);
}

TEST(ListeningTable, AnErrorOrACutAnswerIsNoAnswer) {
  std::vector<Listening> all;
  nlmsghdr header{};
  header.nlmsg_len = sizeof header;
  const auto parse = [&](std::size_t size) {
    char bytes[sizeof header];
    std::memcpy(bytes, &header, sizeof header);
    return parse_diag(bytes, size, all);
  };
  header.nlmsg_type = NLMSG_ERROR;
  EXPECT_EQ(parse(sizeof header), std::nullopt);
  header.nlmsg_type = NLMSG_DONE;
  EXPECT_EQ(parse(sizeof header), std::optional(true));
  EXPECT_EQ(parse(sizeof header - 1), std::optional(false));
  header.nlmsg_len = 4'096;
  EXPECT_EQ(parse(sizeof header), std::nullopt);
  header.nlmsg_len = 0;
  EXPECT_EQ(parse(sizeof header), std::nullopt);
  EXPECT_TRUE(all.empty());
}

}  // namespace
}  // namespace sidestep::sidecar
