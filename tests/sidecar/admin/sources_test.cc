// Folders as the kubelet writes them: files are links into ..data, and ..data is exchanged as a whole.
#include "sidecar/admin/sources.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "lib/policy/signature.h"

namespace sidestep::sidecar {
namespace {

namespace fs = std::filesystem;
using policy::sha256_hex;

class SourceReaderTest : public ::testing::Test {
 protected:
  SourceReaderTest() { fs::create_directories(folder_); }
  ~SourceReaderTest() override { fs::remove_all(folder_); }

  void write(const fs::path& file, const std::string& text) { std::ofstream(file) << text; }
  // As kubelet's atomic writer does.
  void mount(const std::string& version, const std::map<std::string, std::string>& files) {
    const fs::path data = folder_ / (".." + version);
    fs::create_directories(data);
    for (const auto& [name, text] : files) {
      write(data / name, text);
      if (!fs::is_symlink(folder_ / name)) fs::create_symlink(fs::path("..data") / name, folder_ / name);
    }
    fs::create_symlink(".." + version, folder_ / "..next");
    fs::rename(folder_ / "..next", folder_ / "..data");
  }
  policy::Digests read() { return reader_.read().at(0).digests; }

  const fs::path folder_ = fs::path(::testing::TempDir()) /
                           ("sources-" + std::to_string(::testing::UnitTest::GetInstance()->random_seed()) +
                            "-" + ::testing::UnitTest::GetInstance()->current_test_info()->name());
  SourceReader reader_{{{"ConfigMap/shop-config", folder_.string()}}};
};

TEST_F(SourceReaderTest, KeysAreTheFilesWithoutTheMountsOwn) {
  mount("1", {{"a", "x"}, {"b", "y"}});
  EXPECT_EQ(reader_.read().at(0).source, "ConfigMap/shop-config");
  EXPECT_EQ(read(), (policy::Digests{{"a", sha256_hex("x")}, {"b", sha256_hex("y")}}));
}

TEST_F(SourceReaderTest, ExchangedFolderIsReadAgain) {
  mount("1", {{"a", "x"}});
  read();
  mount("2", {{"a", "new"}});
  EXPECT_EQ(read(), (policy::Digests{{"a", sha256_hex("new")}}));
}

TEST_F(SourceReaderTest, PlainFolderIsReadEachTime) {
  write(folder_ / "a", "x");
  EXPECT_EQ(read().at("a"), sha256_hex("x"));
  write(folder_ / "a", "y");
  EXPECT_EQ(read().at("a"), sha256_hex("y"));
}

TEST_F(SourceReaderTest, WhatIsTooLongCountsAsNotSeenAndAnAbsentFolderHasNoKeys) {
  write(folder_ / "big", std::string(SourceReader::kMostFileBytes + 1, 'x'));
  EXPECT_TRUE(read().empty());
  fs::remove_all(folder_);
  EXPECT_TRUE(read().empty());
}

}  // namespace
}  // namespace sidestep::sidecar
