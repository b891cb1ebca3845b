// Options on a made-up machine: user 1000, two files, one command.
#include "sidecar/config/load.h"

#include <gtest/gtest.h>

#include <map>

#include "sidecar/config/option_values.h"

namespace sidestep::sidecar {
namespace {

class LoadTest : public ::testing::Test {
 protected:
  using Words = std::vector<std::string>;

  Machine machine() {
    Machine machine;
    machine.uid = 1000;
    machine.has_ipv6 = has_ipv6_;
    machine.cpu_limit = cpu_limit_;
    machine.read_file = [this](const std::string& path, std::size_t) -> Result<std::string> {
      if (files_.count(path) == 0) return system_error("open", 2);
      return files_[path];
    };
    machine.is_command = [](const std::string& command, const std::string&) { return command == "app"; };
    return machine;
  }
  Result<Options> run(Words words) { return load_options(Program::kRun, words, environment_, machine()); }
  Result<Options> proxy(Words words = {}) {
    return load_options(Program::kProxy, words, environment_, machine());
  }
  static std::string mistakes(const Result<Options>& options) {
    return options ? "none" : options.error().detail;
  }

  bool has_ipv6_ = true;
  std::optional<double> cpu_limit_;
  std::map<std::string, std::string> files_;
  Environment environment_{{"PATH", "/bin"}};
};

TEST_F(LoadTest, RunNeedsNoMoreThanAnAddressAndACommand) {
  const Result<Options> options = run({"--listen", ":8080", "--", "app", "--port", "{port}"});
  ASSERT_TRUE(options) << mistakes(options);
  EXPECT_TRUE(options->run_mode);
  EXPECT_EQ(options->listen, (std::vector<ListenAddress>{{"::", 8080}}));
  EXPECT_EQ(options->command, (Words{"app", "--port", "{port}"}));
  EXPECT_EQ(options->control_path, "/tmp/sidestep-1000/8080.sock");
  EXPECT_EQ(options->run_dir, "/tmp/sidestep-1000/8080/shared");
  EXPECT_EQ(options->state_dir, "/tmp/sidestep-1000/8080/state");
  EXPECT_TRUE(options->control_listen.empty());
}

TEST_F(LoadTest, ControlSocketLiesInTheRuntimeFolderWhenThereIsOne) {
  environment_.emplace_back("XDG_RUNTIME_DIR", "/run/user/1000");
  EXPECT_EQ(run({"--listen=:80", "--", "app"})->control_path, "/run/user/1000/sidestep-1000/80.sock");
}

TEST_F(LoadTest, AllMistakesAreNamedAtOnceWithPlaceValueAndFix) {
  environment_.emplace_back("SIDESTEP_SHARDS", "9");
  environment_.emplace_back("SIDESTEP_LOG_LEVL", "info");
  const std::string text =
      mistakes(run({"--listen", "8080", "--lisen", "--env", "1=2", "--policy", "/none.yaml", "--idle-timeout",
                    "60", "--log-format", "xml", "serve"}));
  EXPECT_EQ(
      text,
      "--lisen: no such option; did you mean --listen?\n"
      "\"serve\": not an option; the app's command comes after --, for instance -- serve\n"
      "SIDESTEP_LOG_LEVL: \"info\": no such setting; did you mean SIDESTEP_LOG_LEVEL?\n"
      "--policy: \"/none.yaml\": open: No such file or directory; name a readable file with a ReloadPolicy\n"
      "--listen: \"8080\": not an address with a port; write :8080, 0.0.0.0:8080, 127.0.0.1:8080 or "
      "[::1]:8080\n"
      "--env: \"1=2\": the name before '=' must be letters, digits and '_' and not begin with a digit; write "
      "KEY=VALUE\n"
      "--idle-timeout: \"60\": not a duration; write a whole number and a unit, for instance 250ms, 30s, 5m "
      "or 2h\n"
      "--log-format: \"xml\": not a format; write text or json\n"
      "SIDESTEP_SHARDS: \"9\": out of range; write a number from 1 to 4\n"
      "command: missing; write sidestep run --listen :8080 -- CMD ARG…");
}

TEST_F(LoadTest, CommandThatDoesNotExistIsNamedBeforeAnythingStarts) {
  EXPECT_EQ(mistakes(run({"--listen", ":80", "--", "ap"})),
            "command: \"ap\": cannot be started: no executable file of that name in $PATH; check the "
            "spelling and the x permission");
  EXPECT_TRUE(run({"--listen", ":80", "--", "{config}/app"}));
}

TEST_F(LoadTest, EmptyCommandLineSaysWhatIsMissing) {
  EXPECT_EQ(mistakes(run({})),
            "command: missing; write sidestep run --listen :8080 -- CMD ARG…\n"
            "--listen: missing; write where clients connect, for instance --listen :8080");
  EXPECT_EQ(mistakes(run({"--listen", ":80", "--"})), "--: no command after it; write -- CMD ARG…");
  EXPECT_EQ(mistakes(run({"--listen"})).substr(0, 50), "--listen: no value; write --listen ADDR:PORT\ncomma");
}

TEST_F(LoadTest, FlagBeatsTheVariableAndBothBeatThePolicy) {
  files_["/p.yaml"] =
      "readiness: {httpGet: {path: /a}}\nshutdown: {gracePeriodSeconds: 60}\nhold: {maxRequests: 7}\n";
  environment_.emplace_back("SIDESTEP_READINESS_PATH", "/b");
  environment_.emplace_back("SIDESTEP_GRACE_SECONDS", "45");
  const Result<Options> options =
      run({"--listen", ":80", "--policy", "/p.yaml", "--readiness-path", "/c", "--", "app"});
  ASSERT_TRUE(options) << mistakes(options);
  EXPECT_EQ(options->policy.readiness.path, "/c");
  EXPECT_EQ(options->policy.shutdown.grace_period, Seconds(45));
  EXPECT_EQ(options->policy.hold.max_requests, 7);
}

TEST_F(LoadTest, MistakesOfThePolicyStandBesideThoseOfTheFlags) {
  files_["/p.yaml"] = "hold: {maxRequests: -1}\nreadyness: {}\n";
  const std::string text = mistakes(run({"--listen", "80", "--policy", "/p.yaml", "--", "app"}));
  EXPECT_NE(text.find("maxRequests"), std::string::npos) << text;
  EXPECT_NE(text.find("readyness"), std::string::npos) << text;
  EXPECT_NE(text.find("--listen: \"80\""), std::string::npos) << text;
}

TEST_F(LoadTest, ProxyTakesEverythingFromItsEnvironment) {
  environment_ = {{"SIDESTEP_LISTEN", "0.0.0.0:8080,[::1]:8081"},
                  {"SIDESTEP_POLICY", "{\"hold\": {\"maxRequests\": 5}}"},
                  {"SIDESTEP_POD_UID", "u-1"},
                  {"SIDESTEP_OPERATOR_SERVICE_HOST", "198.18.0.1"},
                  {"SIDESTEP_GRACE_SECONDS", "30"},
                  {"SIDESTEP_CONFIG_DIR", "/x"}};
  const Result<Options> options = proxy();
  ASSERT_TRUE(options) << mistakes(options);
  EXPECT_FALSE(options->run_mode);
  EXPECT_EQ(options->listen, (std::vector<ListenAddress>{{"0.0.0.0", 8080}, {"::1", 8081}}));
  EXPECT_EQ(options->policy.hold.max_requests, 5);
  EXPECT_EQ(options->pod_uid, "u-1");
  EXPECT_EQ(options->control_listen, (std::vector<ListenAddress>{{"::", 8086}}));
  EXPECT_EQ(options->control_path, "/var/lib/sidestep/control.sock");
  EXPECT_EQ(options->run_dir, "/sidestep");
  EXPECT_EQ(options->trust_dir, "/etc/sidestep/trust");
}

TEST_F(LoadTest, ProxyRefusesWhatBelongsToRun) {
  EXPECT_EQ(mistakes(proxy({"--attach", ":3000", "--", "app"})),
            "--: the proxy takes no command; the app container's own is started by sidestep-launch\n"
            "--attach: only sidestep run can front an app that somebody else started\n"
            "SIDESTEP_LISTEN: missing; set where clients connect, for instance 0.0.0.0:8080");
}

TEST_F(LoadTest, WithoutIpv6AllAddressesMeansAllOfIpv4) {
  has_ipv6_ = false;
  EXPECT_EQ(run({"--listen", ":80", "--", "app"})->listen.front().host, "0.0.0.0");
}

TEST_F(LoadTest, ShardsFollowTheCpuLimit) {
  const auto shards = [&](std::optional<double> limit) {
    cpu_limit_ = limit;
    return run({"--listen", ":80", "--", "app"})->shards;
  };
  EXPECT_EQ(shards(std::nullopt), 1);
  EXPECT_EQ(shards(0.1), 1);
  EXPECT_EQ(shards(1.5), 2);
  EXPECT_EQ(shards(64.0), 4);
  EXPECT_EQ(run({"--listen", ":80", "--shards", "3", "--", "app"})->shards, 3);
}

TEST_F(LoadTest, AttachStandsInForACommand) {
  EXPECT_EQ(run({"--listen", ":80", "--attach", ":3000"})->attach, (AppAddress{3000, ""}));
  EXPECT_EQ(mistakes(run({"--listen", ":80", "--attach", ":3000", "--", "app"})),
            "--attach: given together with a command; leave one of the two out");
}

TEST_F(LoadTest, AProxyHeaderToTheAppNamesOneClientAndStandsBeforeNoTls) {
  const Words rest{"--listen", ":80", "--", "app"};
  const auto with = [&](Words words) {
    words.insert(words.end(), rest.begin(), rest.end());
    return run(words);
  };
  EXPECT_EQ(with({})->app_proxy_protocol, AppProxyProtocol::kOff);
  EXPECT_EQ(with({"--app-proxy-protocol", "v1"})->app_proxy_protocol, AppProxyProtocol::kV1);
  EXPECT_EQ(with({"--app-proxy-protocol=v2"})->app_proxy_protocol, AppProxyProtocol::kV2);
  EXPECT_EQ(mistakes(with({"--app-proxy-protocol", "2"})),
            "--app-proxy-protocol: \"2\": not a version of the PROXY protocol; write v1, v2 or off");
  EXPECT_EQ(mistakes(with({"--app-proxy-protocol", "v2", "--app-protocol", "h2c"})),
            "--app-proxy-protocol: \"v2\": a connection of HTTP/2 to the app carries many clients' requests, "
            "and the header names one; write --app-protocol http1, or --app-proxy-protocol off "
            "(X-Forwarded-For names the client)");
  EXPECT_EQ(mistakes(with({"--app-proxy-protocol", "v1", "--app-tls"})),
            "--app-proxy-protocol: \"v1\": is not sent before TLS to the app; leave --app-tls out, or write "
            "--app-proxy-protocol off (X-Forwarded-For names the client)");
  environment_.emplace_back("SIDESTEP_APP_PROXY_PROTOCOL", "v1");
  EXPECT_EQ(with({"--app-proxy-protocol", "off", "--app-tls"})->app_proxy_protocol, AppProxyProtocol::kOff);
}

TEST_F(LoadTest, SameAddressTwiceAndSameOptionTwiceAreMistakes) {
  EXPECT_EQ(mistakes(run({"--listen", ":80", "--listen", "[::]:80", "--control-listen", ":80", "--log-level",
                          "info", "--log-level", "warn", "--", "app"})),
            "--log-level: given twice; give it once\n"
            "--listen: \"[::]:80\": given already by another --listen; leave one of the two out\n"
            "--control-listen: \":80\": taken already by another listener; choose another port");
}

TEST_F(LoadTest, ListenersThatWouldFindTheirPortTakenAreMistakesAndOthersAreNot) {
  const auto both = [&](const char* a, const char* b) {
    return mistakes(run({"--listen", a, "--listen", b, "--control", "/c", "--", "app"})) == "none";
  };
  EXPECT_TRUE(both("0.0.0.0:80", "[::]:80"));
  EXPECT_TRUE(both("127.0.0.1:80", "[::1]:80"));
  EXPECT_TRUE(both(":80", ":81"));
  EXPECT_TRUE(both("unix:/a", "unix:/b"));
  EXPECT_TRUE(both("127.0.0.1:0", "127.0.0.1:0"));
  EXPECT_FALSE(both(":80", "0.0.0.0:80"));
  EXPECT_FALSE(both("127.0.0.1:80", ":80"));
  EXPECT_FALSE(both("[::1]:80", "[::]:80"));
  EXPECT_FALSE(both("0.0.0.0:80", "127.0.0.1:80"));
  EXPECT_FALSE(both("unix:/a", "unix:/a"));
}

TEST_F(LoadTest, TheControlSocketIsNamedAfterTheFirstPort) {
  EXPECT_EQ(run({"--listen", "unix:/a", "--listen", ":81", "--", "app"})->control_path,
            "/tmp/sidestep-1000/81.sock");
}

TEST_F(LoadTest, FreePortNeedsANamedControlSocket) {
  EXPECT_EQ(mistakes(run({"--listen", "127.0.0.1:0", "--", "app"})),
            "--listen: without a port (a Unix socket alone, or port 0, which is any free one) the control "
            "socket has "
            "no name; add --control PATH");
  const Result<Options> options = run({"--listen", "127.0.0.1:0", "--control", "/x/c.sock", "--", "app"});
  ASSERT_TRUE(options) << mistakes(options);
  EXPECT_EQ(options->state_dir, "/x/c.sock.d/state");
}

TEST_F(LoadTest, ControlPathsThatNoSocketCanHaveAreRefused) {
  EXPECT_NE(mistakes(run({"--listen", ":80", "--control", "/" + std::string(103, 'x'), "--", "app"}))
                .find("103 bytes"),
            std::string::npos);
}

TEST(AsksForHelp, OnlyBeforeTheAppsCommand) {
  EXPECT_TRUE(asks_for_help({"--listen", ":80", "--help"}));
  EXPECT_FALSE(asks_for_help({"--", "app", "--help"}));
}

}  // namespace
}  // namespace sidestep::sidecar
