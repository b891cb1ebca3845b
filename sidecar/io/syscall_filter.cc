#include "sidecar/io/syscall_filter.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

namespace sidestep::sidecar {
namespace {

#if defined(__x86_64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
#error "name the architecture, and see that the list of system calls is complete"
#endif
constexpr std::uint32_t kForeignAbi = 0x40000000;  // x32 on x86-64: the same calls by other numbers

// Those of each request first: a kernel without a cache of verdicts (before 5.11) walks the list.
constexpr std::uint32_t kAllowed[] = {
    SYS_recvfrom,
    SYS_sendmsg,
    SYS_sendto,
    SYS_epoll_pwait,
    SYS_read,
    SYS_write,
    SYS_recvmsg,
    SYS_futex,
    SYS_accept4,
    SYS_epoll_ctl,
    SYS_close,
    SYS_clock_gettime,
    SYS_writev,
    SYS_readv,
    // Sockets, pipes and events.
    SYS_connect,
    SYS_bind,
    SYS_listen,
    SYS_shutdown,
    SYS_socketpair,
    SYS_getsockopt,
    SYS_setsockopt,
    SYS_getsockname,
    SYS_getpeername,
    SYS_accept,
    SYS_recvmmsg,
    SYS_sendmmsg,
    SYS_splice,
    SYS_tee,
    SYS_sendfile,
    SYS_pipe2,
    SYS_eventfd2,
    SYS_epoll_create1,
    SYS_epoll_pwait2,
    SYS_timerfd_create,
    SYS_timerfd_settime,
    SYS_timerfd_gettime,
    SYS_signalfd4,
    SYS_ppoll,
    SYS_pselect6,
    SYS_dup,
    SYS_dup3,
    SYS_fcntl,
    SYS_close_range,
    // Files: journal, epoch, trusted keys, policy of the control API, /proc, libraries.
    SYS_openat,
    SYS_fstat,
    SYS_newfstatat,
    SYS_statx,
    SYS_lseek,
    SYS_pread64,
    SYS_pwrite64,
    SYS_faccessat,
    SYS_faccessat2,
    SYS_readlinkat,
    SYS_getdents64,
    SYS_unlinkat,
    SYS_renameat,
    SYS_renameat2,
    SYS_mkdirat,
    SYS_fchmod,
    SYS_fchmodat,
    SYS_linkat,
    SYS_symlinkat,
    SYS_fsync,
    SYS_fdatasync,
    SYS_ftruncate,
    SYS_fallocate,
    SYS_flock,
    SYS_umask,
    SYS_fstatfs,
    SYS_statfs,
    SYS_getcwd,
    SYS_utimensat,
    SYS_inotify_init1,
    SYS_inotify_add_watch,
    SYS_inotify_rm_watch,
    SYS_memfd_create,
    // Memory and threads.
    SYS_mmap,
    SYS_munmap,
    SYS_mremap,
    SYS_mprotect,
    SYS_brk,
    SYS_madvise,
    SYS_membarrier,
    SYS_rseq,
    SYS_set_robust_list,
    SYS_get_robust_list,
    SYS_set_tid_address,
    SYS_sched_yield,
    SYS_sched_getaffinity,
    SYS_sched_getparam,
    SYS_sched_getscheduler,
    SYS_exit,
    SYS_exit_group,
    SYS_restart_syscall,
    // Signals, times, and who we are.
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_rt_sigpending,
    SYS_rt_sigtimedwait,
    SYS_sigaltstack,
    SYS_clock_getres,
    SYS_clock_nanosleep,
    SYS_nanosleep,
    SYS_gettimeofday,
    SYS_getpid,
    SYS_getppid,
    SYS_gettid,
    SYS_getuid,
    SYS_geteuid,
    SYS_getgid,
    SYS_getegid,
    SYS_getgroups,
    SYS_uname,
    SYS_sysinfo,
    SYS_getrusage,
    SYS_getrlimit,
    SYS_getrandom,
    SYS_times,
    SYS_capget,
#ifdef SYS_futex_waitv
    SYS_futex_waitv,
#endif
#if defined(__x86_64__)  // older names of the same
    SYS_epoll_wait,
    SYS_poll,
    SYS_select,
    SYS_open,
    SYS_stat,
    SYS_lstat,
    SYS_access,
    SYS_readlink,
    SYS_unlink,
    SYS_rename,
    SYS_mkdir,
    SYS_chmod,
    SYS_link,
    SYS_symlink,
    SYS_dup2,
    SYS_pipe,
    SYS_time,
    SYS_arch_prctl,
    SYS_getpgrp,
    SYS_rmdir,
#endif
};

class Program {
 public:
  explicit Program(std::uint32_t verdict) : other_(verdict) {}

  std::vector<sock_filter> make() {
    load(offsetof(seccomp_data, arch));
    add(BPF_JMP | BPF_JEQ | BPF_K, kArchitecture, 1, 0);
    refuse();
    load(offsetof(seccomp_data, nr));
#if defined(__x86_64__)
    add(BPF_JMP | BPF_JGE | BPF_K, kForeignAbi, 0, 1);
    refuse();
#endif
    for (const std::uint32_t call : kAllowed) {
      add(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1);
      allow();
    }
    // Only some uses of these: threads but no processes, our families of sockets, names of threads, questions
    // about descriptors, signals to ourselves, the look at our own bounds.
    when_any_bit(SYS_clone, 0, CLONE_THREAD);
    when_one_of(SYS_socket, 0, {AF_UNIX, AF_INET, AF_INET6});
    when_one_of(SYS_prctl, 0, {PR_SET_NAME, PR_GET_NAME, kSetNameOfMemory});
    when_one_of(SYS_ioctl, 1, {FIONREAD, FIONBIO, FIOCLEX, TIOCOUTQ, kIsTerminal});
    when_one_of(SYS_tgkill, 0, {static_cast<std::uint32_t>(getpid())});
    when_null(SYS_prlimit64, 2);  // asks, sets nothing
    refuse();
    return std::move(code_);
  }

 private:
  static constexpr std::uint32_t kSetNameOfMemory = 0x53564d41;  // PR_SET_VMA
  static constexpr std::uint32_t kIsTerminal = 0x5401;           // TCGETS

  void add(int code, std::uint32_t k, int if_true = 0, int if_false = 0) {
    code_.push_back({static_cast<std::uint16_t>(code), static_cast<std::uint8_t>(if_true),
                     static_cast<std::uint8_t>(if_false), k});
  }
  void load(std::size_t offset) { add(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset)); }
  // The low half of an argument, at `offset` 4 the high one; both architectures are little-endian.
  void load_argument(int index, std::size_t offset = 0) {
    load(offsetof(seccomp_data, args) + static_cast<std::size_t>(index) * sizeof(std::uint64_t) + offset);
  }
  void allow() { add(BPF_RET | BPF_K, SECCOMP_RET_ALLOW); }
  void refuse() { add(BPF_RET | BPF_K, other_); }

  void when_one_of(std::uint32_t call, int argument, std::initializer_list<std::uint32_t> values) {
    add(BPF_JMP | BPF_JEQ | BPF_K, call, 0, static_cast<int>(2 + 2 * values.size()));
    load_argument(argument);
    for (const std::uint32_t value : values) {
      add(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1);
      allow();
    }
    refuse();
  }
  // A pointer: both halves count.
  void when_null(std::uint32_t call, int argument) {
    add(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 6);
    load_argument(argument);
    add(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 3);
    load_argument(argument, sizeof(std::uint32_t));
    add(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1);
    allow();
    refuse();
  }
  void when_any_bit(std::uint32_t call, int argument, std::uint32_t bits) {
    add(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 4);
    load_argument(argument);
    add(BPF_JMP | BPF_JSET | BPF_K, bits, 0, 1);
    allow();
    refuse();
  }

  const std::uint32_t other_;
  std::vector<sock_filter> code_;
};

}  // namespace

std::vector<sock_filter> make_syscall_filter(bool log_only) {
  return Program(log_only ? SECCOMP_RET_LOG : SECCOMP_RET_ERRNO | ENOSYS).make();
}

Status install_syscall_filter(bool log_only) {
  std::vector<sock_filter> code = make_syscall_filter(log_only);
  const sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
  // Without SPEC_ALLOW kernels before 5.16 make every thread slower for a danger that a filter does not
  // raise.
  for (const unsigned long flags :
       {SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_SPEC_ALLOW, SECCOMP_FILTER_FLAG_TSYNC}) {
    const long answer = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
    if (answer == 0) return {};
    if (answer > 0) return unavailable("thread " + std::to_string(answer) + " has a filter of its own");
    if (errno != EINVAL) break;
  }
  return system_error("seccomp", errno);
}

}  // namespace sidestep::sidecar
