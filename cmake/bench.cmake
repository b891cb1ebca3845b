# Micro-benchmarks: bench/micro/NAME_bench.cc becomes the program bench/NAME_bench.
find_package(benchmark REQUIRED)
add_custom_target(micro_benchmarks)
file(GLOB benchmarks CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/bench/micro/*_bench.cc)
foreach(source ${benchmarks})
  get_filename_component(name ${source} NAME_WE)
  add_executable(${name} ${source})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bench)
  target_link_libraries(${name} PRIVATE lib_http benchmark::benchmark benchmark::benchmark_main)
  add_dependencies(micro_benchmarks ${name})
endforeach()

# Measuring sticks of bench/run.py: what the kernel costs, and what the request path alone costs.
add_executable(relay ${PROJECT_SOURCE_DIR}/bench/relay.cc)
target_link_libraries(relay PRIVATE sidestep_options)
add_executable(plane ${PROJECT_SOURCE_DIR}/bench/plane.cc)
target_link_libraries(plane PRIVATE sidecar_io)
