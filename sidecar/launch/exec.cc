#include "sidecar/launch/exec.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

namespace sidestep::launch {

namespace {

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (const std::string& text : strings) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

std::string search_path(const Program& program) {
  for (const std::string& entry : program.env) {
    if (entry.starts_with("PATH=")) return entry.substr(5);
  }
  return "/usr/local/bin:/usr/bin:/bin";
}

// What to try, in order. A name with a slash is tried as it is.
std::vector<std::string> candidates(const Program& program) {
  const std::string& name = program.argv[0];
  if (name.find('/') != std::string::npos) return {name};
  std::vector<std::string> found;
  std::string path = search_path(program);
  while (!path.empty()) {
    const std::size_t end = path.find(':');
    const std::string folder = path.substr(0, end);
    found.push_back((folder.empty() ? "." : folder) + "/" + name);
    path = end == std::string::npos ? "" : path.substr(end + 1);
  }
  return found;
}

void reset_signals() {
  for (int number = 1; number < NSIG; ++number) signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

// An end of file that needs no /dev/null, which an empty image may lack.
int empty_input() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return -1;
  close(ends[1]);
  return ends[0];
}

[[noreturn]] void become(const Program& program, int out, int err, int failure_pipe) {
  reset_signals();
  setsid();
  syscall(SYS_close_range, 3U, ~0U, 4U /* CLOSE_RANGE_CLOEXEC, since Linux 5.11 */);
  dup2(empty_input(), 0);
  dup2(out, 1);
  dup2(err, 2);
  const auto argv = pointers(program.argv);
  const auto env = pointers(program.env);
  int worst = ENOENT;
  for (const std::string& path : candidates(program)) {
    execve(path.c_str(), argv.data(), env.data());
    if (errno != ENOENT && errno != ENOTDIR) worst = errno;
    if (errno != ENOENT && errno != ENOTDIR && errno != EACCES) break;
  }
  [[maybe_unused]] const auto written = write(failure_pipe, &worst, sizeof worst);
  _exit(127);
}

}  // namespace

pid_t start_program(const Program& program, int out, int err, int& error_number) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    error_number = errno;
    return -1;
  }
  const UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  const pid_t pid = fork();
  if (pid < 0) error_number = errno;
  if (pid < 0) return -1;
  if (pid == 0) become(program, out, err, writer.get());
  writer.reset();
  ssize_t got = 0;
  do {
    got = read(reader.get(), &error_number, sizeof error_number);
  } while (got < 0 && errno == EINTR);
  if (got != static_cast<ssize_t>(sizeof error_number)) return pid;
  waitpid(pid, nullptr, 0);
  return -1;
}

std::string explain_exec_failure(const Program& program, int error_number) {
  const auto tried = candidates(program);
  const bool was_searched = program.argv[0].find('/') == std::string::npos;
  if (error_number == ENOENT && was_searched) {
    return "command not found: \"" + program.argv[0] + "\" is in none of the folders of PATH (" +
           search_path(program) + ") of the app's container";
  }
  if (error_number == ENOENT && access(tried[0].c_str(), F_OK) == 0) {
    return "cannot execute " + tried[0] +
           ": the file is there, but its interpreter is not in this image (the #! line, or " +
           "the dynamic loader of a program that is not static)";
  }
  if (error_number == ENOEXEC) {
    return "cannot execute " + tried[0] + ": not a program for this machine, or a script without a #! line";
  }
  std::string where = tried[0];
  for (const std::string& path : tried) {
    if (was_searched && access(path.c_str(), F_OK) == 0) {
      where = path;
      break;
    }
  }
  return failure("cannot execute " + where, error_number);
}

}  // namespace sidestep::launch
