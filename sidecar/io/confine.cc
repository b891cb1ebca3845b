#include "sidecar/io/confine.h"

#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "lib/base/capabilities.h"
#include "sidecar/io/syscall_filter.h"

namespace sidestep::sidecar {
namespace {

// Needs CAP_SETPCAP, so it comes before the capabilities go.
bool empty_bounding_set() {
  bool is_empty = true;
  for (unsigned long one = 0; one <= 63; ++one) {
    const int is_there = prctl(PR_CAPBSET_READ, one, 0, 0, 0);
    if (is_there < 0) break;  // the kernel knows no more of them
    if (is_there == 1 && prctl(PR_CAPBSET_DROP, one, 0, 0, 0) != 0) is_empty = false;
  }
  return is_empty;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kIsSanitized = true;  // its runtime makes calls that we never make
#else
constexpr bool kIsSanitized = false;
#endif

// The kernel keeps one cache of verdicts for all filters of a process.
SeccompMode resolved(SeccompMode mode) {
  if (mode != SeccompMode::kAuto) return mode;
  return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == SECCOMP_MODE_FILTER ? SeccompMode::kEnforce : SeccompMode::kOff;
}

}  // namespace

Confinement confine(SeccompMode asked) {
  const SeccompMode seccomp = resolved(asked);
  Confinement done;
  done.bounding_set = empty_bounding_set();
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  done.capabilities = drop_thread_capabilities();
  if (!done.capabilities) done.kept.push_back(std::string("capabilities: ") + std::strerror(errno));
  done.no_new_privileges = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
  if (!done.no_new_privileges)
    done.kept.push_back(std::string("the right to gain privileges: ") + std::strerror(errno));
  // Without capabilities and without a way to new ones the bounding set has nothing to bound.
  if (!done.bounding_set && !(done.capabilities && done.no_new_privileges))
    done.kept.push_back("the bounding set of capabilities: dropping it needs CAP_SETPCAP");
  if (geteuid() == 0)
    done.kept.push_back(
        "user id 0: files of root stay within reach; run as another user, as the manifests do");
  if (seccomp == SeccompMode::kOff || kIsSanitized) {
    const char* why =
        asked == SeccompMode::kOff ? "--seccomp off" : "--seccomp auto, and no filter of a container";
    if (kIsSanitized) why = "a build with a sanitizer makes calls of its own";
    done.kept.push_back(std::string("every system call: ") + why);
    return done;
  }
  const Status filtered = install_syscall_filter(seccomp == SeccompMode::kLog);
  done.seccomp = filtered && seccomp == SeccompMode::kEnforce;
  if (!filtered)
    done.kept.push_back("every system call: " + filtered.error().detail);
  else if (seccomp == SeccompMode::kLog)
    done.kept.push_back("every system call: --seccomp log lets the others pass, and the kernel logs them");
  return done;
}

}  // namespace sidestep::sidecar
