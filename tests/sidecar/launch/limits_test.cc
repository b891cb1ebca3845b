// docs/limits.md names the launcher's bounds; here they are held against the code.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "sidecar/launch/connection.h"
#include "sidecar/launch/generations.h"
#include "sidecar/launch/output.h"
#include "sidecar/launch/protocol.h"
#include "sidecar/launch/snapshot.h"

namespace sidestep::launch {
namespace {

std::string page() {
  std::ifstream file(std::string(SIDESTEP_SOURCE_DIR) + "/docs/limits.md");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}
std::string kib(std::size_t bytes) { return std::to_string(bytes >> 10U) + " KiB"; }
std::string mib(std::size_t bytes) { return std::to_string(bytes >> 20U) + " MiB"; }

TEST(Limits, ThePageNamesTheBoundsOfTheLauncher) {
  const std::string text = page();
  const auto says = [&](const std::string& bound, const std::string& what) {
    EXPECT_NE(text.find("| " + bound + " | " + what), std::string::npos) << bound << " | " << what;
  };
  says(mib(kMaxFrameBytes), "one message");
  says(std::to_string(Connection::kMaxWaiting), "messages kept");
  says(mib(Connection::kMaxUnsent), "bytes that a proxy");
  says(std::to_string(kMaxListeners), "listeners");
  says(kib(kMaxRecordBytes), "the proxy's record");
  says(std::to_string(Generations::kMaxRunning), "generations");
  says(std::to_string(OutputTail::kMaxLines), "lines of output");
  says(std::to_string(OutputTail::kMaxLineBytes), "bytes of such a line");
  says(kib(OutputSink::kMaxPending), "output that nobody reads");
  says(mib(SnapshotLimits{}.max_bytes), "one configuration snapshot");
  says(std::to_string(SnapshotLimits{}.max_files), "files");
  says(std::to_string(SnapshotLimits{}.max_depth), "folders");
  says(std::to_string(SnapshotLimits{}.max_kept), "snapshots");
}

}  // namespace
}  // namespace sidestep::launch
