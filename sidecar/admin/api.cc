#include "sidecar/admin/api.h"

#include <bit>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>

#include "lib/base/log.h"
#include "sidecar/admin/commands_of.h"
#include "sidecar/admin/picture.h"

namespace sidestep::sidecar {
namespace {

constexpr Millis kLookAgain{500};  // while waiting, so that stop() is noticed

// The value of NAME in "a=1&b=2"; values of ours need no decoding.
std::optional<std::string> query_value(const std::string& query, std::string_view name) {
  for (std::size_t from = 0; from < query.size();) {
    const std::size_t end = std::min(query.find('&', from), query.size());
    const std::string_view pair = std::string_view(query).substr(from, end - from);
    const std::size_t equals = pair.find('=');
    if (equals != std::string_view::npos && pair.substr(0, equals) == name)
      return std::string(pair.substr(equals + 1));
    from = end + 1;
  }
  return std::nullopt;
}

// Of `wait=SECONDS`; none is 0.
Result<Seconds> wait_of(const std::string& query) {
  const std::string text = query_value(query, "wait").value_or("0");
  int seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc{} || end != text.data() + text.size() || seconds < 0)
    return invalid("wait: \"" + text + "\": not a whole number of seconds; write 0 to 60");
  return Seconds(seconds);
}

int status_of(const Error& error) {
  switch (error.kind) {
    case ErrorKind::kInvalid:
      return 400;
    case ErrorKind::kNotFound:
      return 404;
    case ErrorKind::kConflict:
      return 409;
    case ErrorKind::kRefused:
      return 403;
    case ErrorKind::kUnavailable:
    case ErrorKind::kLimit:
    case ErrorKind::kSystem:
    case ErrorKind::kProtocol:
      break;
  }
  return 503;
}

std::string kind_of(int status) {
  switch (status) {
    case 400:
      return "invalid";
    case 401:
      return "unsigned";
    case 403:
      return "refused";
    case 404:
      return "not_found";
    case 405:
      return "not_allowed";
    case 409:
      return "conflict";
    default:
      return "unavailable";
  }
}

// One slot of a bounded number; gives it back at the end.
class Slot {
 public:
  Slot(std::atomic<std::size_t>& used, std::size_t most) : used_(used), taken_(used.fetch_add(1) < most) {}
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;
  ~Slot() { used_.fetch_sub(1); }
  bool is_taken() const { return taken_; }

 private:
  std::atomic<std::size_t>& used_;
  const bool taken_;
};

// Outlives the waiting thread's patience: the reply may come later and then finds nobody.
struct Mailbox {
  std::mutex mutex;
  std::condition_variable arrived;
  std::optional<CommandReply> reply;
};

wire::Unknown unknown_fields(const Call& call) {
  return call.is_local ? wire::Unknown::kRefuse : wire::Unknown::kIgnore;
}

}  // namespace

enum class Access : std::uint8_t {
  kOpen,    // everybody
  kSigned,  // the local user, or an operator's signature
  kCaller,  // the local user, or a caller's signature
  kLocal,   // the local user only
};

struct ControlApi::Route {
  std::string_view method;
  std::string_view path;
  Access access;
  ApiAnswer (ControlApi::*handle)(const Call&);
};

const ControlApi::Route ControlApi::kRoutes[] = {
    {"GET", "/healthz", Access::kOpen, &ControlApi::healthz},
    {"GET", "/readyz", Access::kOpen, &ControlApi::readyz},
    {"GET", "/metrics", Access::kOpen, &ControlApi::metrics},
    {"GET", "/v1/status", Access::kSigned, &ControlApi::status},
    {"GET", "/v1/why", Access::kSigned, &ControlApi::why},
    {"POST", "/v1/reload", Access::kSigned, &ControlApi::reload},
    {"POST", "/reload", Access::kCaller, &ControlApi::signed_reload},
    {"POST", "/v1/weight", Access::kSigned, &ControlApi::weight},
    {"POST", "/v1/promote", Access::kSigned, &ControlApi::promote},
    {"POST", "/v1/abort", Access::kSigned, &ControlApi::abort},
    {"POST", "/v1/pause", Access::kSigned, &ControlApi::pause},
    {"POST", "/v1/resume", Access::kSigned, &ControlApi::resume},
    {"POST", "/v1/policy", Access::kSigned, &ControlApi::policy},
    {"POST", "/v1/pod-ending", Access::kLocal, &ControlApi::pod_ending},
    {"POST", "/v1/upgrade", Access::kLocal, &ControlApi::upgrade},
};

ControlApi::ControlApi(const SnapshotBoard& board, CommandSink& sink, Authority& authority,
                       const Clock& clock, ApiLimits limits, bool report_output,
                       std::function<std::map<std::string, std::uint64_t>()> door_refusals,
                       std::vector<SourceMount> sources, std::string reload_keys)
    : board_(board),
      sink_(sink),
      authority_(authority),
      clock_(clock),
      limits_(limits),
      door_refusals_(std::move(door_refusals)),
      sources_(std::move(sources)),
      callers_(std::move(reload_keys)),
      began_(clock.wall()),
      report_output_(report_output) {}

std::vector<std::string> ControlApi::calls() {
  std::vector<std::string> calls;
  for (const Route& route : kRoutes)
    calls.push_back(std::string(route.method) + " " + std::string(route.path));
  return calls;
}

ApiAnswer ControlApi::failure(int status, std::string kind, std::string message) const {
  ApiAnswer answer;
  answer.status = status;
  answer.body = wire::write(wire::Failure{std::move(kind), std::move(message)});
  return answer;
}

ApiAnswer ControlApi::failure(const Error& error) const {
  const int status = status_of(error);
  ApiAnswer answer = failure(status, kind_of(status), error.detail);
  if (error.retry == Retry::kSafe) answer.fields.emplace_back("Retry-After", "0");  // RFC 9110 section 10.2.3
  return answer;
}

ApiAnswer ControlApi::handle(const Call& call) {
  const std::string method = call.method == "HEAD" ? "GET" : call.method;
  bool path_known = false;
  for (const Route& route : kRoutes) {
    if (route.path != call.path) continue;
    path_known = true;
    if (route.method != method) continue;
    ApiAnswer answer = dispatch(route, call);
    answer.fields.emplace_back("Sidestep-Boot", board_.newest()->boot_id);
    if (route.access == Access::kSigned && !call.is_local) {
      answer.fields.emplace_back("Sidestep-Pod", board_.newest()->pod_uid);
      answer.fields.emplace_back("Sidestep-Nonce", call.field("sidestep-nonce"));
    }
    return answer;
  }
  authority_.count_refusal(path_known ? "method" : "not_found");
  if (path_known) return failure(405, kind_of(405), call.path + " does not take " + call.method);
  return failure(404, kind_of(404), "no such call; see docs/api/control.openapi.yaml");
}

std::optional<Refusal> ControlApi::refusal_of(const Route& route, const Call& call) {
  if (route.access == Access::kOpen || (route.access == Access::kCaller && call.is_local))
    return std::nullopt;
  if (route.access != Access::kCaller)
    return authority_.judge(call, board_.newest()->boot_id, clock_).refusal;
  std::optional<Refusal> refusal = callers_.judge(call, began_, clock_);
  if (refusal) refusal->count = authority_.count_refusal(refusal->reason);
  return refusal;
}

ApiAnswer ControlApi::dispatch(const Route& route, const Call& call) {
  if (route.access == Access::kLocal && !call.is_local) {
    authority_.count_refusal("local_only");
    return failure(403, kind_of(403), "only through the Unix socket");
  }
  if (const auto refusal = refusal_of(route, call)) {
    if (std::has_single_bit(refusal->count)) {  // 1st, 2nd, 4th, 8th…: strangers must not fill the log
      log::warn("refused a call of the control API",
                {{"path", call.path}, {"reason", refusal->reason}, {"count", refusal->count}});
    }
    return failure(refusal->status, refusal->kind, refusal->message);
  }
  return (this->*route.handle)(call);
}

CommandReply ControlApi::submit(Command command, Millis patience) {
  const auto mailbox = std::make_shared<Mailbox>();
  sink_.submit(std::move(command), [mailbox](CommandReply reply) {
    const std::lock_guard lock(mailbox->mutex);
    mailbox->reply = std::move(reply);
    mailbox->arrived.notify_all();
  });
  const TimePoint until = clock_.steady() + patience;
  std::unique_lock lock(mailbox->mutex);
  while (!mailbox->reply && !is_stopping_ && clock_.steady() < until) {
    mailbox->arrived.wait_for(lock, std::min(kLookAgain, std::chrono::ceil<Millis>(until - clock_.steady())));
  }
  if (mailbox->reply) return *std::move(mailbox->reply);
  return {unavailable("the proxy did not answer in time; try again"), {}};
}

SnapshotPtr ControlApi::fresh() {
  submit(RefreshCommand{}, limits_.refresh);  // late or refused: the last picture is still true of its time
  return board_.newest();
}

SnapshotPtr ControlApi::wait_for_end(const std::string& reload, Millis wait) {
  const TimePoint until = clock_.steady() + wait;
  const auto ended = [&](const Snapshot& snapshot) {
    const ReloadView* view = find_reload(snapshot, reload);
    return view == nullptr || has_ended(view->phase);
  };
  SnapshotPtr snapshot = board_.newest();
  while (!ended(*snapshot) && !is_released_ && clock_.steady() < until) {
    snapshot =
        board_.wait_until(ended, std::min(kLookAgain, std::chrono::ceil<Millis>(until - clock_.steady())));
  }
  return snapshot;
}

ApiAnswer ControlApi::healthz(const Call&) { return {200, "ok\n", "text/plain", {}}; }

ApiAnswer ControlApi::readyz(const Call&) {
  const SnapshotPtr snapshot = board_.newest();
  if (snapshot->ready) return {200, "ok\n", "text/plain", {}};
  return {503, "not ready: " + snapshot->not_ready_why + "\n", "text/plain", {}};
}

ApiAnswer ControlApi::metrics(const Call&) {
  ControlCounts counts{authority_.refusals(), log::dropped(), confinement_};
  if (door_refusals_) {
    for (const auto& [reason, count] : door_refusals_()) counts.refused[reason] += count;
  }
  return {200, metrics_text(*fresh(), counts), std::string(kMetricsContentType), {}};
}

ApiAnswer ControlApi::status(const Call& call) {
  const std::string reload = query_value(call.query, "reload").value_or("");
  const Result<Seconds> wait = wait_of(call.query);
  if (!wait) return failure(wait.error());
  if (!reload.empty() && find_reload(*fresh(), reload) == nullptr) {
    return failure(404, kind_of(404), "no reload " + reload + " is known; the newest 16 are remembered");
  }
  if (wait->count() > 0) {
    const Slot slot(waiting_, limits_.max_waiting);
    if (!slot.is_taken()) return too_many_wait("ask without wait=");
    wait_for_end(reload, std::min<Millis>(*wait, limits_.longest_wait));
  }
  wire::Status status = sidecar::status_of(*fresh(), reload);
  if (!call.is_local && !report_output_ && status.reload) status.reload->output.clear();
  status.sources = sources_.read();
  return {200, wire::write(status), "application/json", {}};
}

ApiAnswer ControlApi::why(const Call&) {
  return {200, wire::write(decisions_of(*board_.newest())), "application/json", {}};
}

ApiAnswer ControlApi::reload(const Call& call) {
  const Result<wire::ReloadRequest> request = wire::read_reload_request(call.body, unknown_fields(call));
  if (!request) return failure(request.error());
  if (!call.is_local && (!request->command.empty() || !request->env.empty() || !request->attach.empty())) {
    authority_.count_refusal("local_only");
    return failure(403, kind_of(403), "command, env and attach are accepted only through the Unix socket");
  }
  Result<ReloadCommand> command = reload_command(*request);
  if (!command) return failure(command.error());
  const CommandReply reply = submit(*std::move(command), limits_.reply);
  if (!reply.ok()) return failure(*reply.error);
  return {202, wire::write_reload_answer(reply.reload), "application/json", {}};
}

// A CI system or a person: token and reason count, nothing else of what was sent. The same token again is the
// same reload.
ApiAnswer ControlApi::signed_reload(const Call& call) {
  const Result<wire::ReloadRequest> asked = wire::read_reload_request(call.body, unknown_fields(call));
  if (!asked) return failure(asked.error());
  const Result<Seconds> wait = wait_of(call.query);
  if (!wait) return failure(wait.error());
  wire::ReloadRequest request;
  request.token = asked->token;
  request.reason = asked->reason;
  request.requested_by = "signed call";
  if (!asked->token.empty()) request.id = "call-" + policy::sha256_hex(asked->token).substr(0, 16);
  Result<ReloadCommand> command = reload_command(request);
  if (!command) return failure(command.error());
  const CommandReply reply = submit(*std::move(command), limits_.reply);
  if (!reply.ok()) return failure(*reply.error);
  const Slot slot(waiting_, limits_.max_waiting);
  if (wait->count() == 0 || !slot.is_taken())
    return {202, wire::write_reload_answer(reply.reload), "application/json", {}};
  const SnapshotPtr end = wait_for_end(reply.reload, std::min<Millis>(*wait, limits_.longest_wait));
  const wire::Status status = sidecar::status_of(*end, reply.reload);
  if (!status.reload) return failure(404, kind_of(404), "reload " + reply.reload + " is not known any more");
  const bool is_over = !status.reload->ended_at.empty();
  return {is_over ? 200 : 202,
          wire::write_outcome(
              {reply.reload, status.reload->phase, status.reload->reason, status.reload->message}),
          "application/json",
          {}};
}

ApiAnswer ControlApi::steer(const Call& call, const std::function<Command(const wire::SteerRequest&)>& make) {
  const Result<wire::SteerRequest> request = wire::read_steer_request(call.body, unknown_fields(call));
  if (!request) return failure(request.error());
  const CommandReply reply = submit(make(*request), limits_.reply);
  if (!reply.ok()) return failure(*reply.error);
  return {200, wire::write_reload_answer(reply.reload), "application/json", {}};
}

ApiAnswer ControlApi::weight(const Call& call) {
  const Result<wire::SteerRequest> request = wire::read_steer_request(call.body, unknown_fields(call));
  if (!request) return failure(request.error());
  if (!request->weight_per_ten_thousand || request->reload.empty()) {
    return failure(400, kind_of(400), "reload and weightPerTenThousand must both be given");
  }
  return steer(call, [](const wire::SteerRequest& r) {
    return WeightCommand{r.reload, *r.weight_per_ten_thousand};
  });
}

ApiAnswer ControlApi::promote(const Call& call) {
  return steer(call, [](const wire::SteerRequest& r) { return PromoteCommand{r.reload, r.force}; });
}
ApiAnswer ControlApi::abort(const Call& call) {
  return steer(call, [](const wire::SteerRequest& r) { return AbortCommand{r.reload, r.reason}; });
}
ApiAnswer ControlApi::pause(const Call& call) {
  return steer(call, [](const wire::SteerRequest& r) { return PauseCommand{r.reload}; });
}
ApiAnswer ControlApi::resume(const Call& call) {
  return steer(call, [](const wire::SteerRequest& r) { return ResumeCommand{r.reload}; });
}

ApiAnswer ControlApi::policy(const Call& call) {
  Result<PolicyCommand> command =
      policy_command(call.body, query_value(call.query, "policyUid").value_or(""));
  if (!command) return failure(command.error());
  const bool report_output = command->spec.report_output;
  const CommandReply reply = submit(*std::move(command), limits_.reply);
  if (!reply.ok()) return failure(*reply.error);
  report_output_ = report_output;
  return {200, "{}", "application/json", {}};
}

ApiAnswer ControlApi::too_many_wait(const std::string& fix) {
  authority_.count_refusal("too_many_waiting");
  return failure(503, kind_of(503), "too many calls wait already; " + fix);
}

ApiAnswer ControlApi::pod_ending(const Call&) {
  const Slot slot(waiting_, limits_.max_waiting);
  if (!slot.is_taken()) return too_many_wait("try again");
  const CommandReply reply = submit(PodEndingCommand{}, limits_.pod_ending);
  if (!reply.ok()) return failure(*reply.error);
  return {200, "{}", "application/json", {}};
}

ApiAnswer ControlApi::upgrade(const Call& call) {
  const Result<wire::UpgradeRequest> request = wire::read_upgrade_request(call.body);
  if (!request) return failure(request.error());
  UpgradeCommand command;
  for (const std::string& word : request->options) {
    if (word.find(kWordEnd) != std::string::npos)
      return failure(400, kind_of(400), "options: a word has the character U+001F; no option has it");
    command.arguments += word + kWordEnd;
  }
  const CommandReply reply = submit(std::move(command), limits_.reply);
  if (!reply.ok()) return failure(*reply.error);
  return {202,
          wire::write_upgrade_answer(std::strtoull(reply.reload.c_str(), nullptr, 10)),
          "application/json",
          {}};
}

}  // namespace sidestep::sidecar
