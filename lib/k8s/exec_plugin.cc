#include "lib/k8s/exec_plugin.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>

extern char** environ;

namespace sidestep::k8s {
namespace {

constexpr int kLookMs = 5;  // has it ended, once it has closed its output

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

std::vector<std::string> environment_with(const std::map<std::string, std::string>& added) {
  std::vector<std::string> out;
  for (char** entry = environ; *entry; ++entry) {
    const std::string text(*entry);
    if (!added.contains(text.substr(0, text.find('=')))) out.push_back(text);
  }
  for (const auto& [name, value] : added) out.push_back(name + "=" + value);
  return out;
}

Error is_late(const PluginCommand& plugin) {
  return unavailable(plugin.command + " did not answer within " + std::to_string(plugin.timeout.count()) +
                     " ms");
}

// Everything the plugin writes until it closes its output. Error: late, or too much.
Result<std::string> read_all(int fd, const PluginCommand& plugin, TimePoint give_up) {
  std::string output;
  std::array<char, 4096> chunk{};
  while (output.size() <= plugin.max_output) {
    const auto left = std::chrono::duration_cast<Millis>(give_up - system_clock().steady()).count();
    if (left <= 0) return is_late(plugin);
    pollfd waiting{fd, POLLIN, 0};
    if (poll(&waiting, 1, static_cast<int>(left)) <= 0) continue;
    const ssize_t size = read(fd, chunk.data(), chunk.size());
    if (size == 0) return output;
    if (size < 0 && errno != EINTR) return system_error("read from " + plugin.command, errno);
    if (size > 0) output.append(chunk.data(), static_cast<std::size_t>(size));
  }
  return Error{ErrorKind::kLimit, Fault::kClient, Retry::kNever, plugin.command + " wrote too much"};
}

// Its status as waitpid gives it. Nothing: it has not ended in time.
std::optional<int> wait_until(pid_t child, TimePoint give_up) {
  for (int status = 0; system_clock().steady() < give_up; poll(nullptr, 0, kLookMs)) {
    const pid_t ended = waitpid(child, &status, WNOHANG);
    if (ended == child) return status;
    if (ended < 0 && errno != EINTR) return 0;
  }
  return std::nullopt;
}

void end(pid_t child) {
  kill(child, SIGKILL);
  while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace

Result<std::string> run_plugin(const PluginCommand& plugin) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return system_error("pipe", errno);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  std::vector<std::string> words{plugin.command};
  words.insert(words.end(), plugin.arguments.begin(), plugin.arguments.end());
  std::vector<std::string> environment = environment_with(plugin.environment);
  pid_t child = 0;
  const int failed = posix_spawnp(&child, plugin.command.c_str(), &actions, nullptr, pointers(words).data(),
                                  pointers(environment).data());
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  if (failed != 0) {
    close(ends[0]);
    return system_error("credential plugin " + plugin.command, failed);
  }
  const TimePoint give_up = system_clock().steady() + plugin.timeout;
  auto output = read_all(ends[0], plugin, give_up);
  close(ends[0]);
  const auto status = output ? wait_until(child, give_up) : std::nullopt;
  if (!status) end(child);
  if (!output) return output;
  if (!status) return is_late(plugin);
  if (WIFEXITED(*status) && WEXITSTATUS(*status) == 0) return output;
  return refused("credential plugin " + plugin.command + " failed; run it by hand to see why");
}

}  // namespace sidestep::k8s
