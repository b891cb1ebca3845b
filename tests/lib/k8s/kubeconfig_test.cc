#include "lib/k8s/kubeconfig.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "lib/k8s/exec_plugin.h"

namespace sidestep::k8s {
namespace {

class KubeconfigTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "kubeconfigXXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    dir_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  std::string write(const std::string& name, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(dir_ + "/" + name).parent_path());
    std::ofstream(dir_ + "/" + name) << text;
    return dir_ + "/" + name;
  }
  std::string config(const std::string& server, const std::string& user) {
    return "current-context: c\ncontexts: [{name: c, context: {cluster: k, user: u, namespace: shop}}]\n"
           "clusters: [{name: k, cluster: {server: " +
           server + "}}]\nusers: [{name: u, user: " + user + "}]\n";
  }
  std::string error_of(const AccessSources& sources) {
    const auto found = find_access(sources);
    return found ? "none" : found.error().detail;
  }

  std::string dir_;
};

TEST_F(KubeconfigTest, FlagWinsOverEnvironmentOverPodOverHome) {
  AccessSources sources{.home = dir_, .service_account = dir_ + "/sa"};
  write(".kube/config", config("https://home", "{}"));
  EXPECT_EQ(find_access(sources)->endpoint.server, "https://home");
  write("sa/ca.crt", "CA"), write("sa/token", "T"), write("sa/namespace", "pod-ns");
  sources.service_host = "fd00::1", sources.service_port = "6443";
  EXPECT_EQ(find_access(sources)->endpoint.server, "https://[fd00::1]:6443");
  EXPECT_EQ(find_access(sources)->name_space, "pod-ns");
  sources.kubeconfig_env = dir_ + "/absent:" + write("env", config("https://env", "{}"));
  EXPECT_EQ(find_access(sources)->endpoint.server, "https://env");
  sources.kubeconfig_flag = write("flag", config("https://flag/", "{token: abc}"));
  EXPECT_EQ(find_access(sources)->endpoint.server, "https://flag");
  EXPECT_EQ(find_access(sources)->endpoint.token, "abc");
  EXPECT_EQ(find_access(sources)->name_space, "shop");
}

TEST_F(KubeconfigTest, FirstFileToDefineANameWins) {
  const auto first =
      write("a", "current-context: d\ncontexts: [{name: d, context: {cluster: k, user: u}}]\n");
  const auto second = write("b", config("https://b", "{token: t}"));
  const auto found = find_access({.kubeconfig_env = first + ":" + second});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->endpoint.server, "https://b");
  EXPECT_EQ(found->name_space, "default");
}

TEST_F(KubeconfigTest, InlineDataAndRelativeFilesAreRead) {
  write("key.pem", "KEY");
  const auto path =
      write("c", config("https://a", "{client-certificate-data: Q0VSVA==, client-key: key.pem}"));
  const auto found = find_access({.kubeconfig_flag = path});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->endpoint.client_cert_pem, "CERT");
  EXPECT_EQ(found->endpoint.client_key_pem, "KEY");
}

TEST_F(KubeconfigTest, MistakesNameFileValueAndFix) {
  const auto path = write("c", config("tcp://a", "{}"));
  EXPECT_EQ(error_of({.kubeconfig_flag = path}),
            path + ": cluster.server is \"tcp://a\"; it must begin with https://");
  EXPECT_EQ(error_of({.kubeconfig_flag = path, .context_flag = "x"}), path + ": there is no context \"x\"");
  EXPECT_EQ(error_of({.kubeconfig_flag = dir_ + "/none"}), "no kubeconfig: " + dir_ + "/none cannot be read");
  const auto exec = write("e", config("https://a", "{exec: {command: x}}"));
  EXPECT_NE(error_of({.kubeconfig_flag = exec}).find("give a token or a client certificate"),
            std::string::npos);
  EXPECT_NE(error_of({.kubeconfig_flag = write("y", "a: [")}).find("not YAML"), std::string::npos);
}

TEST_F(KubeconfigTest, ExecPluginGivesTheTokenAndSeesWhatItIsAskedFor) {
  const auto plugin = write("plugin",
                            "#!/bin/sh\n[ -n \"$KUBERNETES_EXEC_INFO\" ] || exit 1\n"
                            "echo '{\"kind\":\"ExecCredential\",\"status\":{\"token\":\"'$1-$EXTRA'\"}}'\n");
  chmod(plugin.c_str(), 0700);
  const auto path = write("c", config("https://a", "{exec: {command: " + plugin +
                                                       ", args: [one], env: [{name: EXTRA, value: two}]}}"));
  const auto found = find_access({.kubeconfig_flag = path, .allow_exec = true});
  ASSERT_TRUE(found) << found.error().detail;
  EXPECT_EQ(found->endpoint.token, "one-two");
}

TEST_F(KubeconfigTest, ExecPluginThatFailsIsNamed) {
  const auto path = write("c", config("https://a", "{exec: {command: /bin/false}}"));
  EXPECT_EQ(error_of({.kubeconfig_flag = path, .allow_exec = true}),
            "credential plugin /bin/false failed; run it by hand to see why");
}

TEST_F(KubeconfigTest, ExecPluginThatWritesNullForWhatItDoesNotHaveIsUnderstood) {
  const auto got = parse_exec_credential(
      R"({"kind": "ExecCredential", "status": {"token": "t", "clientCertificateData": null, "clientKeyData": null}})");
  ASSERT_TRUE(got);
  EXPECT_EQ(got->token, "t");
  for (const char* odd :
       {R"({"kind": 7, "status": {}})", R"({"kind": "ExecCredential", "status": {"token": null}})",
        R"({"kind": "ExecCredential", "status": {"token": 7}})", "[]", "null"})
    EXPECT_FALSE(parse_exec_credential(odd)) << odd;
}

TEST_F(KubeconfigTest, TokenFileAndPluginAreLookedForBesideTheKubeconfig) {
  const auto token = write("c1", config("https://a", "{tokenFile: t/token}"));
  EXPECT_EQ(find_access({.kubeconfig_flag = token})->endpoint.token_file, dir_ + "/t/token");
  const auto plugin =
      write("bin/plugin", "#!/bin/sh\necho '{\"kind\":\"ExecCredential\",\"status\":{\"token\":\"t\"}}'\n");
  chmod(plugin.c_str(), 0700);
  const auto path = write("c2", config("https://a", "{exec: {command: ./bin/plugin}}"));
  const auto found = find_access({.kubeconfig_flag = path, .allow_exec = true});
  ASSERT_TRUE(found) << found.error().detail;
  EXPECT_EQ(found->endpoint.token, "t");
}

TEST_F(KubeconfigTest, UserThatIsNotThereIsNamedAndNobodyIsAskedWithoutOne) {
  const auto path = write("c",
                          "current-context: c\ncontexts: [{name: c, context: {cluster: k, user: gone}}]\n"
                          "clusters: [{name: k, cluster: {server: https://a}}]\n");
  EXPECT_EQ(error_of({.kubeconfig_flag = path}),
            path + ": context \"c\" names a user that is not there: gone");
}

TEST_F(KubeconfigTest, SomebodyWhoIsToActAsAnotherIsRefusedAndDoesNotActAsHimself) {
  const auto path = write("c", config("https://a", "{token: t, as: admin}"));
  EXPECT_NE(error_of({.kubeconfig_flag = path}).find(path + ": user.as is not supported"), std::string::npos);
}

TEST(ExecPlugin, ThatClosesItsOutputAndStaysIsEndedInTime) {
  const PluginCommand plugin{.command = "/bin/sh",
                             .arguments = {"-c", "exec >&-; sleep 60"},
                             .environment = {},
                             .timeout = Millis{200}};
  const TimePoint began = system_clock().steady();
  const auto got = run_plugin(plugin);
  ASSERT_FALSE(got);
  EXPECT_NE(got.error().detail.find("did not answer within 200 ms"), std::string::npos) << got.error().detail;
  EXPECT_LT(system_clock().steady() - began, Seconds{20});
}

}  // namespace
}  // namespace sidestep::k8s
