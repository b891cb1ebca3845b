# The four programs. A program is built once its main.cc exists; main and app may use every layer of their side.
function(app_program name)
  cmake_parse_arguments(PROGRAM "" "MAIN" "SOURCES;LINK" ${ARGN})
  if(NOT EXISTS ${PROJECT_SOURCE_DIR}/${PROGRAM_MAIN})
    return()
  endif()
  set(extra)
  if(PROGRAM_SOURCES)
    file(GLOB extra CONFIGURE_DEPENDS ${PROGRAM_SOURCES})
  endif()
  add_executable(${name} ${PROGRAM_MAIN} ${extra})
  target_link_libraries(${name} PRIVATE sidestep_options ${PROGRAM_LINK})
endfunction()

app_program(sidestep MAIN sidecar/main.cc SOURCES ${PROJECT_SOURCE_DIR}/sidecar/app*.cc
  LINK sidecar_config sidecar_io sidecar_admin sidecar_cli sidecar_local sidecar_launch sidecar_core
       lib_front lib_http lib_loop lib_policy lib_base)
app_program(sidestep-operator MAIN operator/main.cc SOURCES ${PROJECT_SOURCE_DIR}/operator/app*.cc
  LINK operator_io operator_core operator_api lib_k8s lib_front lib_http lib_loop lib_policy lib_base
       nlohmann_json::nlohmann_json CLI11::CLI11)
app_program(kubectl-sidestep MAIN operator/cli/main.cc
  LINK operator_cli operator_api lib_k8s lib_policy lib_base nlohmann_json::nlohmann_json CLI11::CLI11)

# The launcher is PID 1 of any image, even an empty one: static, and libc and libstdc++ alone.
app_program(sidestep-launch MAIN sidecar/launch/main.cc LINK sidecar_launch)
if(TARGET sidestep-launch AND NOT SIDESTEP_SANITIZE)
  target_link_options(sidestep-launch PRIVATE -static -Wl,--gc-sections $<$<CONFIG:Release>:-s>)
  target_compile_options(sidestep-launch PRIVATE -ffunction-sections -fdata-sections)
endif()
