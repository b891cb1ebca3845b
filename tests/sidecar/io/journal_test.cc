#include "sidecar/io/journal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace sidestep::sidecar {
namespace {

namespace fs = std::filesystem;

class JournalTest : public ::testing::Test {
 protected:
  JournalTest() {
    std::string name = (fs::temp_directory_path() / "sidestep-XXXXXX").string();
    dir_ = fs::path(mkdtemp(name.data())) / "state";
  }
  ~JournalTest() override { fs::remove_all(dir_.parent_path()); }

  Journal journal() const { return Journal(dir_.string()); }
  std::string bytes() const {
    std::ifstream in(dir_ / "journal");
    return {std::istreambuf_iterator<char>(in), {}};
  }

  fs::path dir_;
};

TEST_F(JournalTest, WhatWasWrittenIsRead) {
  const std::string record("a\0b\n", 4);
  ASSERT_TRUE(journal().write(record));
  EXPECT_EQ(journal().read().value(), record);
}

TEST_F(JournalTest, NothingWasEverWritten) {
  const auto read = journal().read();
  ASSERT_TRUE(read);
  EXPECT_FALSE(read.value());
}

TEST_F(JournalTest, TheLastOneWins) {
  ASSERT_TRUE(journal().write("one"));
  ASSERT_TRUE(journal().write("two"));
  EXPECT_EQ(journal().read().value(), "two");
}

TEST_F(JournalTest, EveryTruncationAndEveryFlippedBitIsFound) {
  ASSERT_TRUE(journal().write("record"));
  const std::string whole = bytes();
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::ofstream(dir_ / "journal") << whole.substr(0, i);
    EXPECT_FALSE(journal().read()) << "cut at " << i;
    std::string bent = whole;
    bent[i] = static_cast<char>(bent[i] ^ 1);
    std::ofstream(dir_ / "journal") << bent;
    EXPECT_FALSE(journal().read()) << "bit of byte " << i;
  }
}

TEST_F(JournalTest, AWriteThatWasCutShortLeavesTheEarlierRecord) {
  ASSERT_TRUE(journal().write("one"));
  std::ofstream(dir_ / "journal.new") << "sidestep journal 1 half";
  EXPECT_EQ(journal().read().value(), "one");
}

TEST_F(JournalTest, OnlyItsOwnerMayReadIt) {
  ASSERT_TRUE(journal().write("token"));
  EXPECT_EQ(static_cast<unsigned>(fs::status(dir_).permissions()), 0700U);
  EXPECT_EQ(static_cast<unsigned>(fs::status(dir_ / "journal").permissions()), 0600U);
}

}  // namespace
}  // namespace sidestep::sidecar
