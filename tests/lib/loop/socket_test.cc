#include "lib/loop/socket.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>

namespace sidestep {
namespace {

class TempDir {
 public:
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "sidestep-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~TempDir() { std::filesystem::remove_all(path_); }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

bool closes_on_exec(int fd) { return (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0; }

TEST(SocketTest, APortIsClaimedExclusively) {
  const auto first = listen_tcp("127.0.0.1", 0);
  ASSERT_TRUE(first);
  EXPECT_TRUE(closes_on_exec(first->get()));
  const auto second = listen_tcp("127.0.0.1", local_port(first->get()));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::kConflict);
  EXPECT_THAT(second.error().detail,
              testing::HasSubstr("127.0.0.1:" + std::to_string(local_port(first->get()))));
}

TEST(SocketTest, ASharedSocketCannotJoinAnExclusiveClaim) {
  const auto first = listen_tcp("127.0.0.1", 0);
  EXPECT_FALSE(listen_tcp("127.0.0.1", local_port(first->get()), PortClaim::kShared));
}

TEST(SocketTest, ANameIsNotAnAddress) {
  const auto result = listen_tcp("localhost", 0);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::kInvalid);
}

TEST(SocketTest, ConnectsAndAcceptsOverTcp) {
  const auto listener = listen_tcp("127.0.0.1", 0);
  const auto client = connect_tcp("127.0.0.1", local_port(listener->get()));
  ASSERT_TRUE(client);
  pollfd ready{client->get(), POLLOUT, 0};
  ASSERT_EQ(poll(&ready, 1, 2000), 1);
  EXPECT_EQ(socket_error(client->get()), 0);
  EXPECT_TRUE(accept_connection(listener->get()));
  EXPECT_FALSE(accept_connection(listener->get()));
  EXPECT_EQ(errno, EAGAIN);
}

TEST(SocketTest, UnixSocketHasItsModeAndReplacesADeadOne) {
  const TempDir dir;
  { ASSERT_TRUE(listen_unix(dir / "s", 0666)); }  // leaves the file behind
  const auto again = listen_unix(dir / "s", 0666);
  ASSERT_TRUE(again);
  struct stat info {};
  stat((dir / "s").c_str(), &info);
  EXPECT_EQ(info.st_mode & 0777U, 0666U);
  EXPECT_TRUE(connect_unix(dir / "s"));
}

TEST(SocketTest, UnixSocketThatIsServedIsNotTaken) {
  const TempDir dir;
  const auto first = listen_unix(dir / "s", 0600);
  const auto second = listen_unix(dir / "s", 0600);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::kConflict);
}

TEST(SocketTest, AFullBacklogIsALimitAndNobodyWhoListensIsNot) {
  const TempDir folder;
  const std::string path = folder / "s";
  std::vector<UniqueFd> clients;
  Result<UniqueFd> last = system_error("none", 0);
  {
    const auto listener = listen_unix(path, 0600);
    ASSERT_EQ(listen(listener->get(), 0), 0);
    while ((last = connect_unix(path)) && clients.size() < 10) clients.push_back(*std::move(last));
    ASSERT_FALSE(last);
    EXPECT_EQ(last.error().kind, ErrorKind::kLimit);
    EXPECT_EQ(last.error().retry, Retry::kLater);
    EXPECT_FALSE(lacks_descriptor(last.error()));
  }
  last = connect_unix(path);
  ASSERT_FALSE(last);
  EXPECT_EQ(last.error().kind, ErrorKind::kUnavailable);
  EXPECT_EQ(last.error().retry, Retry::kLater);
}

TEST(SocketTest, ALackOfDescriptorsIsToldFromOtherErrors) {
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  const rlimit none{0, before.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);
  const auto client = connect_tcp("127.0.0.1", 1);
  setrlimit(RLIMIT_NOFILE, &before);
  ASSERT_FALSE(client);
  EXPECT_TRUE(lacks_descriptor(client.error())) << client.error().detail;
}

TEST(SocketTest, APathThatDoesNotFitIsRefusedByName) {
  const auto result = listen_unix("/tmp/" + std::string(200, 'x'), 0600);
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().detail, testing::HasSubstr("1 to 107"));
}

TEST(SocketTest, DescriptorsTravelWithTheirBytesAndCloseOnExec) {
  auto pair = socket_pair(SOCK_STREAM);
  const auto listener = listen_tcp("127.0.0.1", 0);
  const std::array sent{std::byte{7}};
  const std::array fds{listener->get()};
  ASSERT_EQ(send_with_fds(pair->first.get(), sent, fds), 1);
  std::array<std::byte, 8> bytes;
  std::vector<UniqueFd> received;
  ASSERT_EQ(receive_with_fds(pair->second.get(), bytes, received), 1);
  ASSERT_EQ(received.size(), 1U);
  EXPECT_EQ(local_port(received[0].get()), local_port(listener->get()));
  EXPECT_TRUE(closes_on_exec(received[0].get()));
}

}  // namespace
}  // namespace sidestep
