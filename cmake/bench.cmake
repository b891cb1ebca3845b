# Micro-benchmarks of the request path: time (micro_bench) and instructions (instruction_count).
find_package(benchmark REQUIRED)
set(micro ${PROJECT_SOURCE_DIR}/bench/micro)
add_library(bench_cases STATIC ${micro}/cases.cc)
target_link_libraries(bench_cases PUBLIC lib_http lib_loop sidecar_core)
add_executable(micro_bench ${micro}/micro_bench.cc)
target_link_libraries(micro_bench PRIVATE bench_cases benchmark::benchmark)
add_executable(instruction_count ${micro}/instruction_count.cc)
target_link_libraries(instruction_count PRIVATE bench_cases)

# Measuring sticks of bench/run.py: what the kernel costs, and what the request path alone costs.
add_executable(relay ${PROJECT_SOURCE_DIR}/bench/relay.cc)
target_link_libraries(relay PRIVATE sidestep_options)
add_executable(plane ${PROJECT_SOURCE_DIR}/bench/plane.cc)
target_link_libraries(plane PRIVATE sidecar_io)
