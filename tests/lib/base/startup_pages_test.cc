#include "lib/base/startup_pages.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

namespace sidestep {
namespace {

long mapped_from_files() {  // pages: the third number of proc(5), statm
  long size = 0, resident = 0, shared = 0;
  std::ifstream("/proc/self/statm") >> size >> resident >> shared;
  return shared;
}

TEST(StartupPages, AreGivenBackAndComeBackWhenTheyAreNeeded) {
  const long mapped = mapped_from_files();
  give_back_startup_pages();
  EXPECT_LT(mapped_from_files(), mapped * 3 / 4);
  EXPECT_EQ(std::to_string(mapped).empty(), false);  // code that was given back runs
}

}  // namespace
}  // namespace sidestep
