# The single place where a dependency is granted: tests/layers_test.py reads this file and
# fails on an #include that no line here allows.
#
#   app_layer(NAME DIR folder ALLOWED folder-or-header… [LINK third-party targets…])
#
# Each layer is one static library made of every .cc file of its folder.
function(app_layer name)
  cmake_parse_arguments(LAYER "" "DIR" "ALLOWED;LINK" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${LAYER_DIR}/*.cc)
  list(FILTER sources EXCLUDE REGEX "/main\\.cc$")
  if(sources)
    add_library(${name} STATIC ${sources})
    target_link_libraries(${name} PUBLIC sidestep_options PRIVATE ${LAYER_LINK})
  else()
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE sidestep_options)
  endif()
  foreach(allowed ${LAYER_ALLOWED})
    if(allowed MATCHES "\\.h$")  # one header: its folder is linked, and only that header may be included
      get_filename_component(allowed ${allowed} DIRECTORY)
    endif()
    string(REPLACE "/" "_" dependency ${allowed})
    if(TARGET ${dependency})
      if(sources)
        target_link_libraries(${name} PUBLIC ${dependency})
      else()
        target_link_libraries(${name} INTERFACE ${dependency})
      endif()
    endif()
  endforeach()
endfunction()

app_layer(lib_base   DIR lib/base   ALLOWED LINK spdlog::spdlog Threads::Threads ${CMAKE_DL_LIBS})
app_layer(lib_http   DIR lib/http   ALLOWED lib/base LINK ${NGHTTP2_LIBRARY})
app_layer(lib_loop   DIR lib/loop   ALLOWED lib/base LINK Threads::Threads)
app_layer(lib_policy DIR lib/policy ALLOWED lib/base LINK nlohmann_json::nlohmann_json ${YAML_CPP_TARGET} ${CCTZ_LIBRARY} OpenSSL::Crypto)
app_layer(lib_front  DIR lib/front  ALLOWED lib/base lib/http lib/loop LINK OpenSSL::SSL OpenSSL::Crypto)
app_layer(lib_k8s    DIR lib/k8s    ALLOWED lib/base LINK CURL::libcurl nlohmann_json::nlohmann_json ${YAML_CPP_TARGET} Threads::Threads)

app_layer(sidecar_launch DIR sidecar/launch ALLOWED)
app_layer(sidecar_core   DIR sidecar/core   ALLOWED lib/base lib/policy lib/http/message.h lib/http/grpc.h)
app_layer(sidecar_config DIR sidecar/config ALLOWED lib/base lib/policy sidecar/core LINK ${YAML_CPP_TARGET} CLI11::CLI11)
app_layer(sidecar_io     DIR sidecar/io     ALLOWED lib/base lib/front/tls.h lib/front/tls_session.h lib/front/tls_certificate.h lib/http lib/loop lib/policy sidecar/core sidecar/config/options.h sidecar/launch/protocol.h sidecar/launch/memory.h LINK sidecar_launch Threads::Threads)
app_layer(sidecar_admin  DIR sidecar/admin  ALLOWED lib/base lib/front lib/policy lib/http/grpc.h sidecar/core sidecar/config/options.h sidecar/config/option_values.h sidecar/config/control_path.h LINK nlohmann_json::nlohmann_json ${CPP_HTTPLIB_LIBRARY} Threads::Threads)
app_layer(sidecar_cli    DIR sidecar/cli    ALLOWED lib/base lib/policy sidecar/admin/wire.h sidecar/config/control_path.h LINK nlohmann_json::nlohmann_json ${CPP_HTTPLIB_LIBRARY} CLI11::CLI11)
app_layer(sidecar_local  DIR sidecar/local  ALLOWED lib/base lib/loop lib/policy sidecar/config sidecar/core/handover.h sidecar/core/archive.h sidecar/core/command.h sidecar/core/worker_names.h sidecar/launch/protocol.h LINK sidecar_launch)

app_layer(operator_api  DIR operator/api  ALLOWED lib/base lib/policy lib/k8s/json_fields.h LINK nlohmann_json::nlohmann_json)
app_layer(operator_core DIR operator/core ALLOWED lib/base lib/policy operator/api)
app_layer(operator_io   DIR operator/io   ALLOWED lib/base lib/front/tls.h lib/front/tls_make.h lib/front/tls_certificate.h lib/k8s lib/policy operator/api operator/core LINK nlohmann_json::nlohmann_json Threads::Threads)
app_layer(operator_cli  DIR operator/cli  ALLOWED lib/base lib/k8s lib/policy operator/api LINK nlohmann_json::nlohmann_json CLI11::CLI11)

# The request path is built for speed; off it small code is worth more: a page that is never read costs a sidecar no memory.
foreach(layer lib_http lib_loop sidecar_io)
  target_compile_options(${layer} PRIVATE $<$<CONFIG:Release>:-O3>)
endforeach()
foreach(layer lib_policy lib_front sidecar_core sidecar_config sidecar_admin sidecar_cli sidecar_local)
  target_compile_options(${layer} PRIVATE $<$<CONFIG:Release>:-Os>)
endforeach()
