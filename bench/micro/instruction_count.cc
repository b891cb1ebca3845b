// instruction_count CASE TIMES: does the case so many times and nothing else. Run under callgrind by
// bench/instructions.py, which takes the difference of two runs.
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "bench/micro/cases.h"

int main(int argc, char** argv) {
  if (argc == 1) {
    for (const sidestep::bench::Case& each : sidestep::bench::cases()) std::printf("%s\n", each.name.data());
    return 0;
  }
  if (argc != 3) return 2;
  for (const sidestep::bench::Case& each : sidestep::bench::cases()) {
    if (each.name != argv[1]) continue;
    const auto operation = each.prepare();
    for (long times = std::atol(argv[2]); times > 0; --times) operation();
    return 0;
  }
  return 2;
}
