// Snapshots on real folders, laid out as people and as the kubelet do.
#include "sidecar/launch/snapshot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace sidestep::launch {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class SnapshotTest : public ::testing::Test {
 protected:
  SnapshotTest() {
    std::string name = (fs::temp_directory_path() / "sidestep-XXXXXX").string();
    root_ = mkdtemp(name.data());
    fs::create_directory(root_ / "etc");
  }
  ~SnapshotTest() override { fs::remove_all(root_); }

  void write(const std::string& path, const std::string& text) {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  static std::string read(const fs::path& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  // As the kubelet does it: a dated folder, "..data" leading to it, and a link per key.
  void publish(const std::string& folder, const std::string& version, const std::string& text) {
    write(folder + "/.." + version + "/app.yaml", text);
    fs::remove(root_ / folder / "..data");
    fs::create_symlink(".." + version, root_ / folder / "..data");
    if (!fs::exists(root_ / folder / "app.yaml"))
      fs::create_symlink("..data/app.yaml", root_ / folder / "app.yaml");
  }
  ConfigHash take(std::uint64_t generation, std::vector<std::string> paths, SnapshotLimits limits = {}) {
    std::vector<ConfigSource> sources;
    for (const auto& path : paths) sources.push_back({(root_ / path).string(), false});
    return Snapshots((root_ / "snap").string(), limits).take(generation, sources);
  }
  fs::path config(std::uint64_t generation) { return snapshots_().config_path(generation).value_or("/none"); }
  Snapshots snapshots_() { return {(root_ / "snap").string(), {}}; }

  fs::path root_;
};

TEST_F(SnapshotTest, OneFileIsItself) {
  write("etc/app.yaml", "a: 1");
  const auto taken = take(3, {"etc/app.yaml"});
  EXPECT_EQ(taken.error, "");
  EXPECT_THAT(taken.hash, testing::MatchesRegex("v1:sha256:[0-9a-f]{64}"));
  EXPECT_EQ(config(3).filename(), "app.yaml");
  EXPECT_EQ(read(config(3)), "a: 1");
}

TEST_F(SnapshotTest, AFolderIsItselfWithAllItHolds) {
  write("etc/app/one", "1"), write("etc/app/deep/two", "2");
  take(3, {"etc/app"});
  EXPECT_EQ(read(config(3) / "one"), "1");
  EXPECT_EQ(read(config(3) / "deep/two"), "2");
}

TEST_F(SnapshotTest, SeveralSourcesLieSideBySide) {
  write("etc/app/one", "1"), write("etc/other.yaml", "2");
  take(3, {"etc/app", "etc/other.yaml"});
  EXPECT_EQ(read(config(3) / "app/one"), "1");
  EXPECT_EQ(read(config(3) / "other.yaml"), "2");
}

TEST_F(SnapshotTest, OfAConfigMapOnlyTheKeysAreCopied) {
  publish("etc/app", "v1", "one");
  take(3, {"etc/app"});
  EXPECT_EQ(read(config(3) / "app.yaml"), "one");
  EXPECT_TRUE(fs::is_regular_file(fs::symlink_status(config(3) / "app.yaml")));
  EXPECT_FALSE(fs::exists(config(3) / "..data"));
}

TEST_F(SnapshotTest, ASnapshotDoesNotFollowTheMount) {
  publish("etc/app", "v1", "one");
  const auto before = take(3, {"etc/app"});
  publish("etc/app", "v2", "two");
  const auto after = take(4, {"etc/app"});
  EXPECT_EQ(read(config(3) / "app.yaml"), "one");
  EXPECT_EQ(read(config(4) / "app.yaml"), "two");
  EXPECT_NE(before.hash, after.hash);
}

TEST_F(SnapshotTest, TheSameContentHasTheSameHashWhateverTheVersionIsCalled) {
  publish("etc/app", "v1", "same");
  const auto before = take(3, {"etc/app"});
  publish("etc/app", "v2", "same");
  EXPECT_EQ(take(4, {"etc/app"}).hash, before.hash);
}

TEST_F(SnapshotTest, ANameThatMovesIntoTheContentChangesTheHash) {
  write("etc/a/xy", "z");
  write("etc/b/x", "yz");
  fs::rename(root_ / "etc/a", root_ / "etc/app");
  const auto first = take(1, {"etc/app"});
  fs::remove_all(root_ / "etc/app");
  fs::rename(root_ / "etc/b", root_ / "etc/app");
  EXPECT_NE(take(2, {"etc/app"}).hash, first.hash);
}

class PinnedSnapshotTest : public SnapshotTest {
 protected:
  ConfigHash take_of(Content content, std::vector<std::string> paths = {"etc/app"}) {
    std::vector<ConfigSource> sources;
    for (const auto& path : paths) sources.push_back({(root_ / path).string(), false});
    const std::vector<Pin> pins{
        {(root_ / "etc/app").string(), (root_ / "kept").string(), (root_ / "staged").string()}};
    return Snapshots((root_ / "snap").string(), {}, pins).take(3, sources, content);
  }
};

TEST_F(PinnedSnapshotTest, EachContentIsReadInItsPlaceAndHashedAlike) {
  publish("etc/app", "1", "mounted");
  publish("kept", "2", "kept");
  publish("staged", "3", "staged");
  EXPECT_EQ(take_of(Content::kMounted).error, "");
  EXPECT_EQ(read(config(3) / "app.yaml"), "mounted");
  const auto kept = take_of(Content::kKept);
  EXPECT_EQ(read(config(3) / "app.yaml"), "kept");
  take_of(Content::kStaged);
  EXPECT_EQ(read(config(3) / "app.yaml"), "staged");
  publish("etc/app", "4", "kept");
  EXPECT_EQ(take_of(Content::kMounted).hash, kept.hash) << "the place is no part of it";
}

TEST_F(PinnedSnapshotTest, FileOfTheMountAndFoldersAboveItAreReadThereToo) {
  publish("etc/app", "1", "mounted");
  write("etc/other.yaml", "other");
  publish("kept", "2", "kept");
  take_of(Content::kKept, {"etc/app/app.yaml"});
  EXPECT_EQ(read(config(3)), "kept");
  take_of(Content::kKept, {"etc/"});
  EXPECT_EQ(read(config(3) / "app/app.yaml"), "kept");
  EXPECT_EQ(read(config(3) / "other.yaml"), "other");
}

TEST_F(PinnedSnapshotTest, WithoutAKeptCopyTheMountIsReadAndWithoutAStagedOneNothing) {
  publish("etc/app", "1", "mounted");
  fs::create_directories(root_ / "kept/..1");  // as a copy that does not exist is mounted
  take_of(Content::kKept);
  EXPECT_EQ(read(config(3) / "app.yaml"), "mounted");
  EXPECT_THAT(take_of(Content::kStaged).error, HasSubstr("has not arrived"));
  EXPECT_EQ(read(config(3) / "app.yaml"), "mounted") << "the earlier one stays";
}

TEST_F(PinnedSnapshotTest, OtherConfigurationNeedsNoCopy) {
  publish("etc/app", "1", "mounted");
  write("etc/other.yaml", "other");
  EXPECT_EQ(take_of(Content::kStaged, {"etc/other.yaml"}).error, "");
}

TEST_F(SnapshotTest, NobodyElseCanRead) {
  write("etc/app/key", "secret");
  take(3, {"etc/app"});
  EXPECT_EQ(fs::status(root_ / "snap/g3").permissions(), fs::perms::owner_all);
  EXPECT_EQ(fs::status(config(3) / "key").permissions(), fs::perms::owner_read);
}

TEST_F(SnapshotTest, AFailureNamesThePathAndLeavesTheEarlierOneAlone) {
  write("etc/app.yaml", "good");
  take(3, {"etc/app.yaml"});
  const auto failed = take(3, {"etc/missing.yaml"});
  EXPECT_EQ(failed.hash, "");
  EXPECT_THAT(failed.error, HasSubstr("etc/missing.yaml: No such file"));
  EXPECT_EQ(read(config(3)), "good");
  EXPECT_FALSE(fs::exists(root_ / "snap/.draft"));
}

TEST_F(SnapshotTest, BoundsAreKeptAndNamed) {
  write("etc/app/one", std::string(100, 'x')), write("etc/app/two", "x");
  EXPECT_THAT(take(1, {"etc/app"}, {.max_bytes = 100}).error, HasSubstr("larger than 100 bytes"));
  EXPECT_EQ(take(1, {"etc/app"}, {.max_bytes = 101}).error, "");
  EXPECT_THAT(take(2, {"etc/app"}, {.max_files = 1}).error, HasSubstr("more than 1 files"));
  EXPECT_THAT(take(2, {"etc/app"}, {.max_kept = 1}).error, HasSubstr("1 snapshots are kept already"));
}

TEST_F(SnapshotTest, ALinkIntoItsOwnFolderEnds) {
  write("etc/app/one", "1");
  fs::create_directory_symlink("..", root_ / "etc/app/loop");
  EXPECT_THAT(take(1, {"etc/app"}).error, HasSubstr("a link leads back"));
}

TEST_F(SnapshotTest, APipeIsRefusedWithoutWaitingForIt) {
  mkfifo((root_ / "etc/pipe").c_str(), 0600);
  EXPECT_THAT(take(1, {"etc/pipe"}).error, HasSubstr("neither a file nor a folder"));
}

TEST_F(SnapshotTest, TwoSourcesOfOneNameAreRefused) {
  write("etc/a/app.yaml", "1"), write("etc/b/app.yaml", "2");
  EXPECT_THAT(take(1, {"etc/a/app.yaml", "etc/b/app.yaml"}).error,
              HasSubstr("two configuration paths end in"));
}

TEST_F(SnapshotTest, ALiveSourceFollowsTheMount) {
  write("etc/one.yaml", "1"), write("etc/two.yaml", "2");
  snapshots_().take(1,
                    {{(root_ / "etc/one.yaml").string(), false}, {(root_ / "etc/two.yaml").string(), true}});
  write("etc/one.yaml", "new"), write("etc/two.yaml", "new");
  EXPECT_EQ(read(config(1) / "one.yaml"), "1");
  EXPECT_EQ(read(config(1) / "two.yaml"), "new");
}

TEST_F(SnapshotTest, SnapshotsOutliveTheLauncherUntilTheyAreDropped) {
  write("etc/app.yaml", "a");
  const auto one = take(12, {"etc/app.yaml"}), two = take(3, {"etc/app.yaml"});
  const auto list = snapshots_().list();  // a new object, as after a restart
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[0].generation, 3U);
  EXPECT_EQ(list[1].hash, one.hash);
  snapshots_().drop(3);
  EXPECT_FALSE(snapshots_().config_path(3));
  EXPECT_TRUE(snapshots_().config_path(12));
}

}  // namespace
}  // namespace sidestep::launch
