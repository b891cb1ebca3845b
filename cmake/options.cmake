# Compiler options that every unit of the project is built with.
add_library(sidestep_options INTERFACE)
target_include_directories(sidestep_options INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_definitions(sidestep_options INTERFACE SIDESTEP_VERSION="${PROJECT_VERSION}")
target_compile_options(sidestep_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wswitch-enum -Wparentheses -Wnon-virtual-dtor
  -Werror -fno-omit-frame-pointer -fstack-protector-strong -ffunction-sections)
target_link_options(sidestep_options INTERFACE -Wl,--gc-sections)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 reports string concatenation as overlapping copies (GCC bug 105651) and
  # moved-from optionals as uninitialised (GCC bug 105562).
  target_compile_options(sidestep_options INTERFACE -Wno-restrict -Wno-maybe-uninitialized)
endif()
if(SIDESTEP_SANITIZE)
  target_compile_options(sidestep_options INTERFACE -fsanitize=${SIDESTEP_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(sidestep_options INTERFACE -fsanitize=${SIDESTEP_SANITIZE})
  if(SIDESTEP_SANITIZE MATCHES "undefined")
    # The check of virtual calls opens a pipe when it first meets a class and takes a failed pipe for a bad object: it
    # ends a program that is out of descriptors. A call on an object that is gone is found by the address sanitizer.
    target_compile_options(sidestep_options INTERFACE -fno-sanitize=vptr)
  endif()
endif()
