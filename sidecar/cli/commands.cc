#include "sidecar/cli/commands.h"

#include <algorithm>
#include <optional>

#include "sidecar/admin/wire.h"
#include "sidecar/cli/arguments.h"
#include "sidecar/cli/progress.h"
#include "sidecar/cli/render.h"

namespace sidestep::sidecar::cli {
namespace {

constexpr Millis kPatience{10'000};        // for a call that does not wait
constexpr Millis kGrace{5'000};            // beyond the time that the server was asked to wait
constexpr Millis kRetryPause{100};         // before an unreachable socket is tried again
constexpr Millis kUnreachableFor{15'000};  // a proxy that restarts comes back within this time
constexpr int kMostRepeats = 5;            // of a call that a worker just replaced has not carried out
constexpr Seconds kPoll{1};                // between two lines of progress

std::string with_reload(std::string target, const std::string& reload) {
  if (reload.empty()) return target;
  return target + (target.find('?') == std::string::npos ? "?" : "&") + "reload=" + reload;
}

int exit_code_of(const wire::Reload& reload, Verb verb) {
  if (reload.phase == "Succeeded") return kSucceeded;
  if (reload.phase == "Superseded") return kNotAllowed;
  if (reload.phase == "Aborted" && verb == Verb::kAbort) return kSucceeded;
  return kFailed;
}

// One command from its arguments to its exit code.
class Command {
 public:
  Command(const Arguments& arguments, std::string socket, const World& world)
      : arguments_(arguments), socket_(std::move(socket)), world_(world), began_(world.clock->steady()) {}

  int run();

 private:
  int reload();
  int status();
  int why();
  int steer(const char* path, bool waits);
  int wait();
  int wait_listening();
  int pod_ending();
  int upgrade();
  int wait_for_upgrade(std::uint64_t upgrade);
  int finish_upgrade(const wire::Upgrade& upgrade, const std::string& body);

  int wait_for_end(const std::string& reload);
  int timed_out(const std::string& reload);
  int finish(const wire::Status& status, const std::string& body);
  int refuse(const Answer& answer);
  int fail(const Error& error, int code);
  // The answer to a call that must have status 2xx; otherwise prints why and leaves the exit code.
  std::optional<std::string> ask(std::string_view method, const std::string& target, const std::string& body,
                                 Millis patience);

  Millis elapsed() const { return std::chrono::duration_cast<Millis>(world_.clock->steady() - began_); }
  Millis left() const { return std::max(arguments_.timeout - elapsed(), Millis(0)); }

  const Arguments& arguments_;
  const std::string socket_;
  const World& world_;
  const TimePoint began_;
  int code_ = kSucceeded;
};

int Command::run() {
  switch (arguments_.verb) {
    case Verb::kReload:
      return reload();
    case Verb::kStatus:
      return status();
    case Verb::kPromote:
      return steer("/v1/promote", true);
    case Verb::kAbort:
      return steer("/v1/abort", true);
    case Verb::kPause:
      return steer("/v1/pause", false);
    case Verb::kResume:
      return steer("/v1/resume", false);
    case Verb::kWait:
      return arguments_.listening ? wait_listening() : wait();
    case Verb::kWhy:
      return why();
    case Verb::kPodEnding:
      return pod_ending();
    case Verb::kUpgrade:
      return upgrade();
  }
  return kUsage;
}

int Command::fail(const Error& error, int code) {
  if (arguments_.json)
    world_.out(wire::write(wire::Failure{std::string(to_string(error.kind)), error.detail}) + "\n");
  world_.err("sidestep: " + error.detail + "\n");
  return code;
}

int Command::refuse(const Answer& answer) {
  const Result<wire::Failure> failure = wire::read_failure(answer.body);
  const std::string message =
      failure ? failure->message : "the control socket answered with status " + std::to_string(answer.status);
  if (arguments_.json) world_.out(answer.body + "\n");
  world_.err("sidestep: " + message + "\n");
  if (answer.status == 400) return kUsage;
  return answer.status >= 500 ? kUnreachable : kNotAllowed;
}

std::optional<std::string> Command::ask(std::string_view method, const std::string& target,
                                        const std::string& body, Millis patience) {
  Result<Answer> answer = world_.call(socket_, method, target, body, patience);
  for (int i = 0; i < kMostRepeats && answer && answer->may_repeat; ++i) {
    world_.pause(kRetryPause);
    answer = world_.call(socket_, method, target, body, patience);
  }
  if (!answer) {
    code_ = fail(answer.error(), kUnreachable);
    return std::nullopt;
  }
  if (answer->status >= 200 && answer->status < 300) return answer->body;
  code_ = refuse(*answer);
  return std::nullopt;
}

int Command::reload() {
  wire::ReloadRequest request;
  request.id = arguments_.id;
  request.reason = arguments_.reason;
  request.requested_by = "command line";
  request.command = arguments_.command;
  request.env = arguments_.env;
  request.attach = arguments_.attach;
  request.force = arguments_.force;
  const auto body = ask("POST", "/v1/reload", wire::write(request), kPatience);
  if (!body) return code_;
  const Result<std::string> id = wire::read_reload_answer(*body);
  if (!id) return fail(id.error(), kUnreachable);
  if (arguments_.wait) return wait_for_end(*id);
  world_.out(arguments_.json ? *body + "\n"
                             : "reload " + *id + " has begun; sidestep wait --reload " + *id +
                                   " returns with its verdict\n");
  return kSucceeded;
}

int Command::status() {
  const auto body = ask("GET", "/v1/status", "", kPatience);
  if (!body) return code_;
  if (arguments_.json) {
    world_.out(*body + "\n");
    return kSucceeded;
  }
  const Result<wire::Status> status = wire::read_status(*body);
  if (!status) return fail(status.error(), kUnreachable);
  world_.out(render_status(*status, world_.clock->wall()));
  return kSucceeded;
}

int Command::why() {
  const auto body = ask("GET", "/v1/why", "", kPatience);
  if (!body) return code_;
  const Result<std::vector<wire::Decision>> decisions = wire::read_decisions(*body);
  if (!decisions) return fail(decisions.error(), kUnreachable);
  world_.out(arguments_.json ? *body + "\n" : render_decisions(*decisions));
  return kSucceeded;
}

int Command::steer(const char* path, bool waits) {
  wire::SteerRequest request;
  request.reload = arguments_.reload;
  request.reason = arguments_.reason;
  request.force = arguments_.force;
  const auto body = ask("POST", path, wire::write(request), kPatience);
  if (!body) return code_;
  const Result<std::string> id = wire::read_reload_answer(*body);
  if (!id) return fail(id.error(), kUnreachable);
  if (waits && arguments_.wait && !id->empty()) return wait_for_end(*id);
  world_.out(arguments_.json ? *body + "\n"
                             : std::string(path + 4) + " was accepted" +
                                   (id->empty() ? "" : " for reload " + *id) + "\n");
  return kSucceeded;
}

// Without any reload, wait returns once requests are served.
int Command::wait() {
  const auto body = ask("GET", with_reload("/v1/status", arguments_.reload), "", kPatience);
  if (!body) return code_;
  const Result<wire::Status> status = wire::read_status(*body);
  if (!status) return fail(status.error(), kUnreachable);
  if (status->reload) return wait_for_end(status->reload->id);
  if (!status->ready) return wait_listening();
  return finish(*status, *body);
}

int Command::wait_for_end(const std::string& reload) {
  Progress progress(world_.is_terminal);
  TimePoint answered = world_.clock->steady();
  Seconds poll{0};  // the first look shows at once what is going on
  while (true) {
    const Seconds patience = std::min(poll, std::chrono::ceil<Seconds>(left()));
    poll = kPoll;
    const std::string target = with_reload("/v1/status?wait=" + std::to_string(patience.count()), reload);
    const Result<Answer> answer = world_.call(socket_, "GET", target, "", patience + kGrace);
    const TimePoint now = world_.clock->steady();
    if (!answer) {  // the proxy may be restarting
      if (now - answered > kUnreachableFor || left().count() == 0) {
        world_.err(progress.end());
        return fail(answer.error(), kUnreachable);
      }
      world_.pause(kRetryPause);
      continue;
    }
    answered = now;
    if (answer->status != 200) {
      world_.err(progress.end());
      return refuse(*answer);
    }
    const Result<wire::Status> status = wire::read_status(answer->body);
    if (!status) return fail(status.error(), kUnreachable);
    world_.err(progress.update(*status, elapsed()));
    const bool ended = status->reload && wire::has_ended(status->reload->phase);
    if (ended || left().count() == 0) world_.err(progress.end());
    if (ended) return finish(*status, answer->body);
    if (left().count() == 0) return timed_out(reload);
  }
}

int Command::timed_out(const std::string& reload) {
  return fail(unavailable("reload " + reload + " has not ended after " + span_text(arguments_.timeout) +
                          "; it goes on: sidestep wait, or sidestep abort"),
              kUnreachable);
}

int Command::finish(const wire::Status& status, const std::string& body) {
  if (arguments_.json) world_.out(body + "\n");
  if (!status.reload) {
    if (!arguments_.json) world_.out("no reload is running\n");
    return kSucceeded;
  }
  if (!arguments_.json) world_.out(render_verdict(*status.reload));
  return exit_code_of(*status.reload, arguments_.verb);
}

// The socket may not be there yet: it is looked for until the time is up.
int Command::wait_listening() {
  std::string last = "the control socket " + socket_ + " does not answer";
  while (true) {
    const Result<Answer> answer =
        world_.call(socket_, "GET", "/v1/status", "", std::min(kPatience, left() + kGrace));
    const Result<wire::Status> status =
        answer ? (answer->status == 200
                      ? wire::read_status(answer->body)
                      : Result<wire::Status>(unavailable("status " + std::to_string(answer->status))))
               : Result<wire::Status>(answer.error());
    if (status && status->listening && (arguments_.listening || status->ready)) {
      if (arguments_.json) world_.out(answer->body + "\n");
      return kSucceeded;
    }
    if (!status)
      last = status.error().detail;
    else
      last = status->listening ? "not ready: " + status->not_ready_why : "it does not hold its port yet";
    if (left().count() == 0) {
      return fail(unavailable(last + " (waited " + span_text(arguments_.timeout) + "); see its log"),
                  kUnreachable);
    }
    world_.pause(kRetryPause);
  }
}

int Command::pod_ending() {
  return ask("POST", "/v1/pod-ending", "{}", arguments_.timeout) ? kSucceeded : code_;
}

int Command::upgrade() {
  const auto body =
      ask("POST", "/v1/upgrade", wire::write(wire::UpgradeRequest{arguments_.command}), kPatience);
  if (!body) return code_;
  const Result<std::uint64_t> number = wire::read_upgrade_answer(*body);
  if (!number) return fail(number.error(), kUnreachable);
  if (arguments_.wait) return wait_for_upgrade(*number);
  world_.out(arguments_.json
                 ? *body + "\n"
                 : "upgrade " + std::to_string(*number) + " has begun; sidestep status shows how it went\n");
  return kSucceeded;
}

// The worker that answers changes meanwhile; whoever answers knows the newest upgrade.
int Command::wait_for_upgrade(std::uint64_t upgrade) {
  std::string last = "the control socket " + socket_ + " does not answer";
  while (true) {
    const Result<Answer> answer =
        world_.call(socket_, "GET", "/v1/status", "", std::min(kPatience, left() + kGrace));
    const bool good = answer && answer->status == 200;
    const Result<wire::Status> status =
        good ? wire::read_status(answer->body) : Result<wire::Status>(unavailable(last));
    if (status && status->upgrade && status->upgrade->upgrade > upgrade) {
      return fail(
          unavailable("upgrade " + std::to_string(upgrade) + " has ended, and a later one was asked for " +
                      "before its result was read; the log has it"),
          kUnreachable);
    }
    if (status && status->upgrade && status->upgrade->upgrade == upgrade) {
      if (status->upgrade->phase != "Running") return finish_upgrade(*status->upgrade, answer->body);
      last = status->upgrade->message;
    }
    if (left().count() == 0) {
      return fail(unavailable("upgrade " + std::to_string(upgrade) + " has not ended after " +
                              span_text(arguments_.timeout) + ": " + last),
                  kUnreachable);
    }
    world_.pause(kRetryPause);
  }
}

int Command::finish_upgrade(const wire::Upgrade& upgrade, const std::string& body) {
  const bool good = upgrade.phase == "Succeeded";
  const std::string took = ", after " + span_text(elapsed());
  if (arguments_.json)
    world_.out(body + "\n");
  else
    world_.out("upgrade " + std::to_string(upgrade.upgrade) + (good ? " succeeded: " : " failed: ") +
               upgrade.message + took + "\n" +
               (good ? "" : "the worker before it goes on as if nothing had happened\n"));
  return good ? kSucceeded : kFailed;
}

}  // namespace

bool is_client_command(std::string_view name) { return find_verb(name) != nullptr; }

std::string command_list() {
  std::string out;
  for (const VerbRow& verb : verb_table()) {
    std::string left = "  " + std::string(verb.name);
    left.resize(16, ' ');
    out += left + std::string(verb.help) + "\n";
  }
  return out;
}

int run_command(const std::vector<std::string>& words, const World& world) {
  const VerbRow* verb = words.empty() ? nullptr : find_verb(words.front());
  if (verb == nullptr) {
    world.err("sidestep: no such command; there are\n" + command_list());
    return kUsage;
  }
  const Result<Arguments> arguments = parse_arguments(*verb, {words.begin() + 1, words.end()});
  if (!arguments) {
    world.err(arguments.error().detail + "\n");
    return kUsage;
  }
  if (arguments->help) {
    world.out(usage_of(*verb));
    return kSucceeded;
  }
  const TimePoint began = world.clock->steady();
  Result<std::string> socket = world.find_socket(arguments->control);
  while (!socket && arguments->listening &&
         world.clock->steady() - began < arguments->timeout) {  // still to be made
    world.pause(kRetryPause);
    socket = world.find_socket(arguments->control);
  }
  if (!socket) {
    world.err("sidestep: " + socket.error().detail + "\n");
    return socket.error().kind == ErrorKind::kInvalid ? kUsage : kUnreachable;
  }
  return Command(*arguments, *socket, world).run();
}

}  // namespace sidestep::sidecar::cli
