#include "sidecar/local/parent_state.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

#include "sidecar/core/archive.h"

namespace sidestep::sidecar {

constexpr std::size_t kMostStateBytes = 8U << 20U;

template <typename A>
void fields(A& a, LauncherStart& start) {
  a(start.program, start.arguments, start.lock_path);
}

template <typename A>
void fields(A& a, ParentSettings& s) {
  a(s.program, s.parent_arguments, s.worker_arguments, s.env, s.launcher, s.install_dir, s.backoff.first,
    s.backoff.longest, s.give_up_after, s.launcher_stop, s.upgrade_program, s.upgrade_prove, s.upgrade_drain,
    s.upgrade_max_old);
}

template <typename A>
void fields(A& a, UpgradeReport& r) {
  a(r.id, r.has_ended, r.succeeded, r.message, r.good, r.bad);
}

template <typename A>
void fields(A& a, LeftWorker& w) {
  a(w.pid, w.number, w.channel, w.is_ready, w.started_at, w.retired_at);
}

template <typename A>
void fields(A& a, ParentState& s) {
  a(s.settings, s.kept, s.current, s.old, s.launcher, s.restarts, s.workers, s.attempts, s.report);
}

Result<UniqueFd> write_parent_state(const ParentState& state) {
  ArchiveWriter writer;
  writer(state);
  const std::string bytes = writer.take();
  UniqueFd file(memfd_create("sidestep-parent", MFD_CLOEXEC));
  if (!file) return system_error("memory file for the next program", errno);
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t put = write(file.get(), bytes.data() + done, bytes.size() - done);
    if (put < 0) return system_error("memory file for the next program", errno);
    done += static_cast<std::size_t>(put);
  }
  return file;
}

Result<ParentState> read_parent_state(int file) {
  const UniqueFd owned(file);
  std::string bytes;
  char part[4'096];
  off_t at = 0;
  while (bytes.size() < kMostStateBytes) {
    const ssize_t got = pread(owned.get(), part, sizeof part, at);
    if (got < 0) return system_error("what the program before left", errno);
    if (got == 0) break;
    bytes.append(part, static_cast<std::size_t>(got));
    at += got;
  }
  ParentState state;
  ArchiveReader reader(bytes);
  reader(state);
  if (!reader.is_good() || state.current.pid <= 0) return invalid("what the program before left is cut off");
  keep_over_exec(state, false);
  return state;
}

void keep_over_exec(const ParentState& state, bool keep) {
  const auto mark = [keep](int fd) { fcntl(fd, F_SETFD, keep ? 0 : FD_CLOEXEC); };
  for (const auto& [name, fd] : state.kept) mark(fd);
  mark(state.current.channel);
  for (const LeftWorker& worker : state.old) mark(worker.channel);
}

}  // namespace sidestep::sidecar
