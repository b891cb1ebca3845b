# lazy_libraries(PROGRAM LIBRARIES shared-library… ARCHIVES target…)
#
# PROGRAM loads the libraries at the first call of one of their functions instead of at its start: private memory and
# PSS of a proxy at rest are bounded (bench/memory.py), and most proxies are never steered over the network. What the
# ARCHIVES call is found with nm; a function that they do not show keeps the library linked as usual, which a test of
# the program notices. Elsewhere than on x86-64, and under sanitizers, nothing is lazy.
function(lazy_libraries program)
  cmake_parse_arguments(LAZY "" "" "LIBRARIES;ARCHIVES" ${ARGN})
  if(NOT TARGET ${program} OR SIDESTEP_SANITIZE OR NOT CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|amd64|AMD64)$")
    return()
  endif()
  set(out ${CMAKE_BINARY_DIR}/${program}_lazy.s)
  set(archives)
  foreach(archive ${LAZY_ARCHIVES})
    list(APPEND archives $<TARGET_FILE:${archive}>)
  endforeach()
  add_custom_command(OUTPUT ${out}
    COMMAND ${PROJECT_SOURCE_DIR}/cmake/lazy_library.sh ${CMAKE_NM} ${out} ${LAZY_LIBRARIES} -- ${archives}
    DEPENDS ${PROJECT_SOURCE_DIR}/cmake/lazy_library.sh ${LAZY_ARCHIVES} ${LAZY_LIBRARIES}
    VERBATIM)
  target_sources(${program} PRIVATE ${out})
  set_source_files_properties(${out} PROPERTIES LANGUAGE ASM)
  target_link_options(${program} PRIVATE -Wl,--as-needed)
endfunction()

lazy_libraries(sidestep
  LIBRARIES ${CPP_HTTPLIB_LIBRARY} ${OPENSSL_SSL_LIBRARY} ${OPENSSL_CRYPTO_LIBRARY}
  ARCHIVES sidecar_admin sidecar_cli lib_front lib_policy)
