#include "sidecar/admin/control.h"

#include <unistd.h>

#include "lib/base/lazy_library.h"
#include "lib/base/log.h"
#include "sidecar/admin/epoch_file.h"
#include "sidecar/config/control_path.h"
#include "sidecar/core/archive.h"
#include "sidecar/core/worker_names.h"

namespace sidestep::sidecar {
namespace {

constexpr std::size_t kThreadsThatDoNotWait = 2;

std::string inner_path(const Options& options, int worker) {
  const int name = worker_name(worker);
  return options.control_path + ".api" + (name == 0 ? "" : std::to_string(name));
}
std::string epoch_path(const Options& options) {
  return options.state_dir.empty() ? "" : options.state_dir + "/epoch";
}

policy::EpochState epoch_of(const Options& options) {
  const std::string path = epoch_path(options);
  if (path.empty()) return {};
  Result<policy::EpochState> state = read_epoch(path);
  if (state) return *std::move(state);
  log::error("cannot read the leader epoch; any leader is obeyed until one is kept again",
             {{"error", state.error().detail}});
  return {};
}

front::Settings door_settings(const Options& options, const std::string& token, int worker) {
  front::Settings settings;
  settings.server_path = inner_path(options, worker);
  settings.door_token = token;
  const ControlLimits& limits = options.control_limits;
  settings.limits.max_head_bytes = limits.max_head_bytes;
  settings.limits.max_body_bytes = limits.max_body_bytes;
  settings.limits.max_connections = limits.max_connections;
  settings.limits.max_per_source = limits.max_per_source;
  settings.limits.head_timeout = limits.head_timeout;
  settings.limits.body_timeout = limits.body_timeout;
  settings.limits.idle_timeout = limits.idle_timeout;
  return settings;
}

ApiLimits api_limits(const Options& options) {
  ApiLimits limits;
  limits.max_waiting = options.control_limits.max_waiting_status;
  return limits;
}

}  // namespace

Control::Control(const Options& options, bool report_output, const SnapshotBoard& board, CommandSink& sink,
                 const Clock& clock, int worker)
    : options_(options),
      token_(front::random_token()),
      authority_({options.trust_dir, options.pod_uid, epoch_path(options)}, epoch_of(options)),
      door_(with_calls(door_settings(options, token_, worker)), clock),
      api_(
          board, sink, authority_, clock, api_limits(options), report_output,
          [this] { return door_.refusals(); }, options.sources, options.reload_keys),
      server_(api_, inner_path(options, worker), token_, options.control_limits.max_body_bytes,
              options.control_limits.max_waiting_status + kThreadsThatDoNotWait) {}

Control::~Control() { stop(); }

front::Settings Control::with_calls(front::Settings settings) {
  settings.wake_server = [this] {
    const Status loaded = load_lazy_libraries();
    const Status started = loaded ? server_.start() : loaded;
    if (!started) log::error("the control API cannot start", {{"error", started.error().detail}});
  };
  settings.answer_here = [this](const front::Request& request, const front::Principal& principal) {
    return probe_answer(request, principal);
  };
  return settings;
}

// Probes never wait behind other calls, and a sidecar that is only probed never starts its server.
std::optional<front::Reply> Control::probe_answer(const front::Request& request,
                                                  const front::Principal& principal) {
  if (request.target != "/healthz" && request.target != "/readyz") return std::nullopt;
  Call call;
  call.method = request.method;
  call.path = request.target;
  call.is_local = principal.is_local;
  ApiAnswer answer = api_.handle(call);
  answer.fields.emplace_back("Content-Type", answer.content_type);
  return front::Reply{answer.status, std::move(answer.fields), std::move(answer.body)};
}

// Only the default folder is ours to make; one that was named with --control is left as it is.
Status Control::prepare_folder() const {
  const std::string folder = options_.control_path.substr(0, options_.control_path.rfind('/'));
  const std::string name = folder.substr(folder.rfind('/') + 1);
  if (!options_.run_mode || name != "sidestep-" + std::to_string(geteuid())) return {};
  return ensure_private_folder(folder, geteuid());
}

Status Control::listen(std::map<std::string, UniqueFd> left) {
  door_.set_left(std::move(left));
  const Status folder = prepare_folder();
  if (!folder) return folder;
  const Status local = door_.listen_unix(options_.control_path);
  if (!local) return local;
  for (const ListenAddress& address : options_.control_listen) {
    const Status tcp = door_.listen_tcp(address.host, address.port, address.only_v6);
    if (tcp) continue;
    Error error = tcp.error();
    if (error.kind == ErrorKind::kConflict)
      error.detail += "; stop what listens there, or choose another address with --control-listen";
    return error;
  }
  door_.set_left({});
  return {};
}

void Control::run(const Confinement& confinement) {
  api_.set_confinement(confinement);
  door_.start();
}

Status Control::start() {
  const Status listens = listen();
  if (listens) run({});
  return listens;
}

void Control::stop() {
  api_.stop();
  door_.stop();
  server_.stop();
}

// ---- between two workers ----

std::string Control::state() const {
  Authority::Memory memory = authority_.memory();
  for (const auto& [reason, count] : door_.refusals()) memory.refusals[reason] += count;
  ArchiveWriter writer;
  writer(memory.nonces, memory.epoch.highest, memory.epoch.lease_uid, memory.epoch.past_leases,
         memory.refusals);
  return writer.take();
}

Status Control::go_on(const std::string& state) {
  Authority::Memory memory;
  ArchiveReader reader(state);
  reader(memory.nonces, memory.epoch.highest, memory.epoch.lease_uid, memory.epoch.past_leases,
         memory.refusals);
  if (!reader.is_good()) return invalid("handover: the control port's memory does not add up");
  authority_.go_on(memory);
  return {};
}

void Control::retire() {
  api_.release();
  door_.stop_accepting();
}

}  // namespace sidestep::sidecar
