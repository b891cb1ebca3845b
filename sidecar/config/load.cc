#include "sidecar/config/load.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <set>

#include "sidecar/config/control_path.h"
#include "sidecar/config/nearest.h"
#include "sidecar/config/option_values.h"

namespace sidestep::sidecar {
namespace {

constexpr std::size_t kMostPolicyBytes = std::size_t{256} * 1024;
constexpr std::size_t kMostValueShown = 60;
constexpr std::size_t kMostControlPath = 103;  // sun_path (unix(7)), less its NUL and ".api"
constexpr int kMostShards = 4;

// Names of the environment that are ours but no options of the proxy.
constexpr std::array<std::string_view, 5> kOtherNames{
    "SIDESTEP_CONFIG_DIR", "SIDESTEP_CONFIG", "SIDESTEP_SOCKET", "SIDESTEP_GENERATION", "SIDESTEP_STATE"};

struct Setting {
  const OptionRow* row;
  std::string place;  // "--listen" or "SIDESTEP_LISTEN"
  std::string value;
};

// Collects one line per mistake.
class Mistakes {
 public:
  void add(std::string_view place, std::string_view value, std::string_view wrong) {
    std::string shown(value.substr(0, kMostValueShown));
    if (value.size() > kMostValueShown) shown += "…";
    line(std::string(place) + ": \"" + shown + "\": " + std::string(wrong));
  }
  void line(std::string text) {
    if (!lines_.empty()) lines_ += '\n';
    lines_ += text;
  }
  bool none() const { return lines_.empty(); }
  const std::string& lines() const { return lines_; }

 private:
  std::string lines_;
};

std::string value_of(const Environment& environment, std::string_view name) {
  for (const auto& [key, value] : environment) {
    if (key == name) return value;
  }
  return {};
}

// One of the two would find the port taken.
bool clash(const ListenAddress& a, const ListenAddress& b) {
  if (!a.path.empty() || !b.path.empty()) return a.path == b.path;
  if (a.port != b.port || a.port == 0) return false;
  const auto takes_v4 = [](const ListenAddress& x) { return x.host.find(':') == std::string::npos; };
  const auto takes_all_of = [&](const ListenAddress& all, const ListenAddress& one) {
    if (all.host == "::") return !all.only_v6 || !takes_v4(one);
    return all.host == "0.0.0.0" && takes_v4(one);
  };
  return a.host == b.host || takes_all_of(a, b) || takes_all_of(b, a);
}

class Loader {
 public:
  Loader(Program program, const Environment& environment, const Machine& machine)
      : program_(program), environment_(environment), machine_(machine) {}

  Result<Options> load(const std::vector<std::string>& arguments) {
    options_.run_mode = program_ == Program::kRun;
    read_arguments(arguments);
    read_environment();
    read_policy();
    options_.shards =
        std::clamp(static_cast<int>(std::ceil(machine_.cpu_limit.value_or(1.0))), 1, kMostShards);
    for (const Setting& setting : settings_) {
      const Status done = setting.row->set(options_, setting.value);
      if (!done) mistakes_.add(setting.place, setting.value, done.error().detail);
    }
    fill_in();
    check_app();
    check_app_tls();
    check_app_proxy_protocol();
    check_addresses();
    if (options_.control_path.size() > kMostControlPath) {
      mistakes_.add("--control", options_.control_path,
                    "longer than the 103 bytes that it may have; choose a shorter path");
    }
    if (!mistakes_.none()) return invalid(mistakes_.lines());
    return std::move(options_);
  }

 private:
  bool is_set(std::string_view flag) const {
    return std::any_of(settings_.begin(), settings_.end(),
                       [&](const Setting& s) { return s.row->flag == flag; });
  }

  void read_arguments(const std::vector<std::string>& arguments);
  void read_flag(const std::vector<std::string>& arguments, std::size_t& at);
  void read_environment();
  void read_policy();
  void fill_in();
  void fill_in_for_run();
  void fill_in_for_proxy();
  void check_app();
  void check_tls();
  void check_app_tls();
  void check_app_proxy_protocol();
  void check_addresses();
  void check_address(const ListenAddress& address, std::string_view flag, std::string_view wrong,
                     std::vector<ListenAddress>& seen);

  const Program program_;
  const Environment& environment_;
  const Machine& machine_;
  std::vector<Setting> settings_;
  bool saw_dashes_ = false;  // "--": what follows is the app's command
  Options options_;
  Mistakes mistakes_;
};

void Loader::read_arguments(const std::vector<std::string>& arguments) {
  for (std::size_t at = 0; at < arguments.size(); ++at) {
    if (arguments[at] == "--") {
      saw_dashes_ = true;
      options_.command.assign(arguments.begin() + static_cast<std::ptrdiff_t>(at) + 1, arguments.end());
      if (options_.command.empty()) mistakes_.line("--: no command after it; write -- CMD ARG…");
      return;
    }
    read_flag(arguments, at);
  }
}

void Loader::read_flag(const std::vector<std::string>& arguments, std::size_t& at) {
  const std::string& word = arguments[at];
  const std::size_t equals = word.find('=');
  const std::string name = word.substr(0, equals);
  const OptionRow* row = find_flag(name);
  if (row == nullptr) {
    if (name.empty() || name.front() != '-') {
      mistakes_.line("\"" + word + "\": not an option; the app's command comes after --, for instance -- " +
                     word);
      return;
    }
    std::vector<std::string_view> flags;
    for (const OptionRow& known : option_table()) flags.push_back(known.flag);
    const std::string_view close = nearest(name, flags);
    mistakes_.line(name + ": no such option; " +
                   (close.empty() ? "see sidestep " + std::string(to_string(program_)) + " --help"
                                  : "did you mean " + std::string(close) + "?"));
    return;
  }
  if (!row->repeatable && is_set(row->flag)) {
    mistakes_.line(name + ": given twice; give it once");
  }
  std::string value = equals == std::string::npos ? "" : word.substr(equals + 1);
  if (equals == std::string::npos && row->argument.empty()) value = "true";
  if (equals == std::string::npos && !row->argument.empty()) {
    if (at + 1 == arguments.size() || arguments[at + 1] == "--") {
      mistakes_.line(name + ": no value; write " + name + " " + std::string(row->argument));
      return;
    }
    value = arguments[++at];
  }
  settings_.push_back({row, name, std::move(value)});
}

void Loader::read_environment() {
  std::vector<std::string_view> names(kOtherNames.begin(), kOtherNames.end());
  for (const OptionRow& row : option_table()) {
    if (!row.env.empty()) names.push_back(row.env);
  }
  for (const auto& [name, value] : environment_) {
    if (name.rfind("SIDESTEP_", 0) != 0) continue;
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    const std::string_view close =
        nearest(name, names);  // a Service's own variables are far from all of ours
    if (!close.empty())
      mistakes_.add(name, value, "no such setting; did you mean " + std::string(close) + "?");
  }
  for (const OptionRow& row : option_table()) {
    if (row.env.empty() || is_set(row.flag)) continue;
    const std::string value = value_of(environment_, row.env);
    if (value.empty()) continue;
    if (!row.repeatable) {
      settings_.push_back({&row, std::string(row.env), value});
      continue;
    }
    for (std::size_t from = 0; from <= value.size();) {
      const std::size_t comma = std::min(value.find(',', from), value.size());
      settings_.push_back({&row, std::string(row.env), value.substr(from, comma - from)});
      from = comma + 1;
    }
  }
}

void Loader::read_policy() {
  const auto setting = std::find_if(settings_.begin(), settings_.end(),
                                    [](const Setting& s) { return s.row->flag == "--policy"; });
  if (setting == settings_.end() || setting->value.empty()) return;
  std::string text = setting->value;
  std::string name = setting->place;
  if (setting->place == "--policy") {
    name = setting->value;
    const Result<std::string> file = machine_.read_file(name, kMostPolicyBytes);
    if (!file)
      return mistakes_.add("--policy", name,
                           file.error().detail + "; name a readable file with a ReloadPolicy");
    text = *file;
  } else {
    setting->value = "(text)";
  }
  Result<policy::PolicySpec> spec = policy::parse_policy(text, name);
  if (!spec) return mistakes_.line(spec.error().detail);
  options_.policy = *std::move(spec);
}

void Loader::fill_in() {
  if (!machine_.has_ipv6) {
    for (auto* addresses : {&options_.listen, &options_.control_listen}) {
      for (ListenAddress& address : *addresses) {
        if (address.host == "::" && !address.only_v6) address.host = "0.0.0.0";
      }
    }
  }
  if (program_ == Program::kRun)
    fill_in_for_run();
  else
    fill_in_for_proxy();
}

void Loader::fill_in_for_run() {
  if (options_.listen.empty()) return;  // a mistake already; no name to give
  const auto with_port = std::find_if(options_.listen.begin(), options_.listen.end(),
                                      [](const ListenAddress& address) { return address.port != 0; });
  const std::uint16_t port = with_port == options_.listen.end() ? std::uint16_t{0} : with_port->port;
  if (port == 0 && !is_set("--control")) {
    mistakes_.line(
        "--listen: without a port (a Unix socket alone, or port 0, which is any free one) the control socket "
        "has no name; add --control PATH");
  }
  const std::string folder = control_folder(value_of(environment_, "XDG_RUNTIME_DIR"), machine_.uid);
  const std::string base =
      is_set("--control") ? options_.control_path + ".d" : folder + "/" + std::to_string(port);
  if (options_.control_path.empty()) options_.control_path = control_socket(folder, port);
  if (options_.run_dir.empty()) options_.run_dir = base + "/shared";
  if (options_.state_dir.empty()) options_.state_dir = base + "/state";
}

void Loader::fill_in_for_proxy() {
  if (options_.run_dir.empty()) options_.run_dir = "/sidestep";
  if (options_.state_dir.empty()) options_.state_dir = kDefaultStateDir;
  if (options_.trust_dir.empty()) options_.trust_dir = "/etc/sidestep/trust";
  if (options_.control_path.empty())
    options_.control_path = options_.state_dir + "/" + std::string(kPodSocketName);
  if (!is_set("--control-listen")) {
    options_.control_listen.push_back({machine_.has_ipv6 ? "::" : "0.0.0.0", 8086});
  }
}

void Loader::check_app() {
  if (program_ == Program::kProxy) {
    if (!options_.command.empty()) {
      mistakes_.line("--: the proxy takes no command; the app container's own is started by sidestep-launch");
    }
    if (options_.attach)
      mistakes_.line("--attach: only sidestep run can front an app that somebody else started");
    return;
  }
  if (options_.attach && !options_.command.empty()) {
    mistakes_.line("--attach: given together with a command; leave one of the two out");
  }
  if (options_.attach) return;
  if (options_.command.empty()) {
    if (!is_set("--attach") && !saw_dashes_) {
      mistakes_.line("command: missing; write sidestep run --listen :8080 -- CMD ARG…");
    }
    return;
  }
  const std::string& command = options_.command.front();
  if (command.find('{') != std::string::npos) return;  // filled in for each generation
  if (!machine_.is_command(command, value_of(environment_, "PATH"))) {
    mistakes_.add("command", command,
                  "cannot be started: no executable file of that name" +
                      std::string(command.find('/') == std::string::npos ? " in $PATH" : "") +
                      "; check the spelling and the x permission");
  }
}

void Loader::check_app_tls() {
  const AppTlsOptions& tls = options_.app_tls;
  if (!tls.on && (!tls.ca.empty() || !tls.name.empty() || !tls.certificate.empty()))
    mistakes_.line("--app-tls: an option of TLS to the app is given, but not this one; add --app-tls");
  if (tls.on && options_.app_protocol == AppProtocol::kH2c)
    mistakes_.line("--app-protocol: h2c is HTTP/2 without TLS; with --app-tls write h2");
  if (!tls.on && options_.app_protocol == AppProtocol::kH2)
    mistakes_.line("--app-protocol: h2 is HTTP/2 over TLS; add --app-tls, or write h2c");
  if (tls.ca == kSystemAuthorities && tls.name.empty())
    mistakes_.line(
        "--app-tls-ca: the machine's authorities vouch for any site; add --app-tls-server-name with the "
        "app's");
}

// A PROXY header speaks for everything that follows on its connection.
void Loader::check_app_proxy_protocol() {
  if (options_.app_proxy_protocol == AppProxyProtocol::kOff) return;
  const std::string_view version = options_.app_proxy_protocol == AppProxyProtocol::kV1 ? "v1" : "v2";
  if (is_h2(options_.app_protocol)) {
    mistakes_.add(
        "--app-proxy-protocol", version,
        "a connection of HTTP/2 to the app carries many clients' requests, and the header names one; "
        "write --app-protocol http1, or --app-proxy-protocol off (X-Forwarded-For names the client)");
  } else if (options_.app_tls.on) {
    mistakes_.add("--app-proxy-protocol", version,
                  "is not sent before TLS to the app; leave --app-tls out, or write --app-proxy-protocol off "
                  "(X-Forwarded-For names the client)");
  }
}

void Loader::check_tls() {
  bool tls = false;
  bool proxy = false;
  for (const ListenAddress& address : options_.listen) {
    tls = tls || address.tls;
    proxy = proxy || address.proxy;
  }
  if (tls && options_.tls.certificates.empty()) {
    mistakes_.line(
        "--listen: tls:// needs a certificate; add --tls-certificate with a folder or file that holds it");
  }
  if (!tls && (!options_.tls.certificates.empty() || !options_.tls.client_ca.empty())) {
    mistakes_.line(
        "--listen: a TLS option is given, but no listener speaks TLS; write for instance --listen "
        "tls://:8443");
  }
  if (proxy && options_.trusted_sources.empty()) {
    mistakes_.line(
        "--listen: proxy:// believes nobody; name who sends PROXY headers with --trust-forwarded NETWORK");
  }
}

void Loader::check_addresses() {
  const bool listen_given = is_set("--listen");
  if (!listen_given) {
    mistakes_.line(program_ == Program::kRun
                       ? "--listen: missing; write where clients connect, for instance --listen :8080"
                       : "SIDESTEP_LISTEN: missing; set where clients connect, for instance 0.0.0.0:8080");
  }
  check_tls();
  std::vector<ListenAddress> seen;
  for (const ListenAddress& address : options_.listen) {
    check_address(address, "--listen", "given already by another --listen; leave one of the two out", seen);
  }
  for (const ListenAddress& address : options_.control_listen) {
    check_address(address, "--control-listen", "taken already by another listener; choose another port",
                  seen);
  }
}

void Loader::check_address(const ListenAddress& address, std::string_view flag, std::string_view wrong,
                           std::vector<ListenAddress>& seen) {
  const bool clashes = std::any_of(seen.begin(), seen.end(),
                                   [&](const ListenAddress& other) { return clash(address, other); });
  if (clashes) mistakes_.add(flag, to_string(address), wrong);
  seen.push_back(address);
}

}  // namespace

Environment process_environment() {
  Environment environment;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    environment.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return environment;
}

Result<Options> load_options(Program program, const std::vector<std::string>& arguments,
                             const Environment& environment, const Machine& machine) {
  return Loader(program, environment, machine).load(arguments);
}

bool asks_for_help(const std::vector<std::string>& arguments) {
  for (const std::string& word : arguments) {
    if (word == "--") return false;
    if (word == "--help" || word == "-h") return true;
  }
  return false;
}

}  // namespace sidestep::sidecar
