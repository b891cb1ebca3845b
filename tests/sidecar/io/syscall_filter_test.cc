// The filter in a process of its own, which is where it belongs: once set it never goes.
#include "sidecar/io/syscall_filter.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <functional>
#include <thread>

#include "lib/base/capabilities.h"

namespace sidestep::sidecar {
namespace {

// What `act` returns, in a child under the filter; -1 when the child did not end by itself.
int in_child(bool log_only, const std::function<int()>& act) {
  const pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    _exit(install_syscall_filter(log_only) ? act() : 99);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

int error_of(long answer) { return answer < 0 ? errno : 0; }

TEST(SyscallFilter, WhatTheWorkerNeverDoesFailsAsIfTheKernelDidNotKnowIt) {
  char* const words[] = {const_cast<char*>("/bin/true"), nullptr};
  EXPECT_EQ(in_child(false, [&] { return error_of(execve("/bin/true", words, nullptr)); }), ENOSYS);
  EXPECT_EQ(in_child(false, [] { return error_of(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)); }), ENOSYS);
  EXPECT_EQ(in_child(false, [] { return error_of(ptrace(PTRACE_TRACEME, 0, nullptr, nullptr)); }), ENOSYS);
  EXPECT_EQ(in_child(false, [] { return error_of(socket(AF_NETLINK, SOCK_RAW, 0)); }), ENOSYS);
  EXPECT_EQ(in_child(false, [] { return error_of(kill(1, SIGTERM)); }), ENOSYS);
  EXPECT_EQ(in_child(false, [] { return error_of(syscall(SYS_tgkill, 1, 1, SIGTERM)); }), ENOSYS);
  EXPECT_EQ(in_child(false, [] { return error_of(syscall(SYS_io_uring_setup, 1, nullptr)); }), ENOSYS);
  EXPECT_EQ(in_child(false, [] { return error_of(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)); }), ENOSYS);
  EXPECT_EQ(in_child(false, [] { return error_of(setuid(0)); }), ENOSYS);
}

TEST(SyscallFilter, BoundsOfOursMayBeAskedForAndNotSet) {
  const auto call = [](std::uintptr_t next) {
    rlimit now{};
    return in_child(false, [&] { return error_of(syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, next, &now)); });
  };
  EXPECT_EQ(call(0), 0);
  EXPECT_EQ(call(0x1000), ENOSYS);
  EXPECT_EQ(call(std::uintptr_t{1} << 32U), ENOSYS);  // its low half alone is null
}

TEST(SyscallFilter, ThreadsFilesAndMemoryGoOn) {
  EXPECT_EQ(in_child(false,
                     [] {
                       int seen = 0;
                       std::thread([&] { seen = 7; }).join();
                       return seen;
                     }),
            7);
  EXPECT_EQ(in_child(false, [] { return error_of(open("/proc/self/stat", O_RDONLY | O_CLOEXEC)); }), 0);
  EXPECT_EQ(in_child(false, [] { return error_of(socket(AF_INET6, SOCK_STREAM, 0)); }), 0);
  EXPECT_EQ(in_child(false,
                     [] {
                       void* at = mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                       return at == MAP_FAILED ? 1 : error_of(mprotect(at, 4096, PROT_READ | PROT_EXEC));
                     }),
            0);
  EXPECT_EQ(in_child(false, [] { return raise(SIGURG); }), 0);
}

TEST(SyscallFilter, LoggingLetsEverythingPass) {
  EXPECT_EQ(in_child(true, [] { return error_of(socket(AF_NETLINK, SOCK_RAW, 0)); }), 0);
}

#endif

TEST(Capabilities, AThreadThatGaveThemUpHasNoneLeft) {
  const int left = in_child(true, [] {
    if (!drop_thread_capabilities()) return 1;
    return geteuid() == 0 && mount("none", "/", nullptr, 0, nullptr) == 0 ? 2 : 0;
  });
  EXPECT_EQ(left, 0);
}

}  // namespace
}  // namespace sidestep::sidecar
