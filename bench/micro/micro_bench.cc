// Time of each case. Compare in one run; the figures move with the machine.
#include <benchmark/benchmark.h>

#include "bench/micro/cases.h"

int main(int argc, char** argv) {
  for (const sidestep::bench::Case& each : sidestep::bench::cases()) {
    benchmark::RegisterBenchmark(std::string(each.name).c_str(), [&each](benchmark::State& state) {
      const auto operation = each.prepare();
      for (auto _ : state) operation();
      if (each.bytes > 0) state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(each.bytes));
    });
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
