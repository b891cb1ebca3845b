# Unit tests mirror the tree: tests/lib/http/*_test.cc becomes the program lib_http_test, and so on.
find_package(GTest REQUIRED)
file(GLOB support CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/support/*.cc)

function(app_test layer dir)
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/${dir}/*_test.cc)
  if(NOT sources OR NOT TARGET ${layer})
    return()
  endif()
  add_executable(${layer}_test ${sources} ${support})
  set_target_properties(${layer}_test PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  target_link_libraries(${layer}_test PRIVATE ${layer} lib_loop GTest::gmock GTest::gtest_main nlohmann_json::nlohmann_json)
  target_compile_definitions(${layer}_test PRIVATE SIDESTEP_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  add_test(NAME ${layer} COMMAND ${layer}_test)
endfunction()

foreach(layer base http loop policy front k8s)
  app_test(lib_${layer} lib/${layer})
endforeach()
foreach(layer core config io admin cli launch local)
  app_test(sidecar_${layer} sidecar/${layer})
endforeach()
foreach(layer api core io cli)
  app_test(operator_${layer} operator/${layer})
endforeach()

# lib/k8s against a real kube-apiserver; tests/integration/kube/kube_client_test.py runs it.
add_executable(kube_client_test ${PROJECT_SOURCE_DIR}/tests/integration/kube/kube_client_test.cc)
set_target_properties(kube_client_test PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
target_link_libraries(kube_client_test PRIVATE lib_k8s GTest::gtest_main nlohmann_json::nlohmann_json)

# The repository's own rules: who may include whom, forbidden calls, sizes, words.
add_test(NAME repository_rules
  COMMAND python3 -m pytest -q -p no:cacheprovider layers_test.py forbidden_test.py sizes_test.py words_test.py
  WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}/tests)
