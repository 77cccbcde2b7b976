# SPDX-License-Identifier: Apache-2.0
# Unit tests (one cmocka program a file), fuzz targets, lab helpers and benchmarks.
#
# A fuzz target is a libFuzzer program with COKO_FUZZ; in the other builds it is linked with
# replay_main.c, which runs its seeds and every regression input once, as an ordinary test.

file(GLOB unit_tests CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/tests/unit/test_*.c")
file(GLOB fuzz_targets CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/tests/fuzz/fuzz_*.c")
file(GLOB lab_programs CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/tests/lab/*.c")
file(GLOB probes CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/tests/integration/*.c")
file(GLOB benchmarks CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/tests/bench/*.c")

if(NOT COKO_FUZZ)
  foreach(source IN LISTS unit_tests)
    get_filename_component(name "${source}" NAME_WE)
    add_executable(${name} "${source}")
    target_include_directories(${name} SYSTEM PRIVATE ${CMOCKA_INCLUDE_DIRS})
    coko_link(${name})
    target_link_libraries(${name} PRIVATE ${CMOCKA_LIBRARIES})
    set_target_properties(${name} PROPERTIES
                          RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests")
    add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}")
    set_tests_properties(${name} PROPERTIES TIMEOUT 120 LABELS unit)
  endforeach()
endif()

foreach(source IN LISTS fuzz_targets)
  get_filename_component(name "${source}" NAME_WE)
  string(REGEX REPLACE "^fuzz_" "" target "${name}")
  set(fuzz_dir "${CMAKE_SOURCE_DIR}/tests/fuzz")
  if(COKO_FUZZ)
    add_executable(${name} "${source}")
    target_compile_options(${name} PRIVATE -fsanitize=fuzzer,address,undefined)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer,address,undefined)
  else()
    add_executable(${name} "${source}" "${fuzz_dir}/replay_main.c")
    add_test(NAME ${name}
             COMMAND ${name} "${fuzz_dir}/seeds/${target}" "${fuzz_dir}/seeds/${name}"
                     "${fuzz_dir}/regression/${target}"
             WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}")
    set_tests_properties(${name} PROPERTIES TIMEOUT 120 LABELS fuzz)
  endif()
  coko_link(${name})
  set_target_properties(${name} PROPERTIES
                        RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/fuzz")
endforeach()

if(NOT COKO_FUZZ)
  foreach(source IN LISTS lab_programs)
    get_filename_component(name "${source}" NAME_WE)
    add_executable(lab_${name} "${source}")
    target_link_libraries(lab_${name} PRIVATE coko_deps) # the lab shares no code with the daemon
    set_target_properties(lab_${name} PROPERTIES OUTPUT_NAME ${name}
                          RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/lab")
  endforeach()
endif()

# Probes: small programs around one room, driven by an integration test.
if(NOT COKO_FUZZ)
  foreach(source IN LISTS probes)
    get_filename_component(name "${source}" NAME_WE)
    add_executable(probe_${name} "${source}")
    coko_link(probe_${name})
    set_target_properties(probe_${name} PROPERTIES OUTPUT_NAME ${name}
                          RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/probes")
  endforeach()
endif()

# The simulation of the charge machine: tests/fault/money_sim plays it. Its own event loop, network and
# clock take the place of gateway/io's: they come before the rooms.
if(NOT COKO_FUZZ)
  file(GLOB simulation CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/tests/fault/sim*.c")
  add_executable(sim ${simulation})
  coko_link(sim)
  set_target_properties(sim PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/fault")
endif()

if(CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT COKO_FUZZ)
  foreach(source IN LISTS benchmarks)
    get_filename_component(name "${source}" NAME_WE)
    add_executable(bench_${name} "${source}")
    coko_link(bench_${name})
    set_target_properties(bench_${name} PROPERTIES OUTPUT_NAME ${name}
                          RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bench")
  endforeach()
endif()
