# These build the test programs, benchmarks and fuzz targets of all modules.
add_custom_target(unit_tests)
add_custom_target(benches)
add_custom_target(fuzzers)

# Headers that are compiled once, for all modules and for all their test programs.
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/headers.cc CONTENT "")
add_library(millrace_headers OBJECT ${CMAKE_BINARY_DIR}/headers.cc)
target_link_libraries(millrace_headers PRIVATE fmt::fmt)
target_precompile_headers(millrace_headers PRIVATE <algorithm> <atomic> <chrono> <condition_variable> <functional> <map> <memory> <mutex> <optional>
                          <span> <string> <string_view> <unordered_map> <vector> <fmt/format.h>)
if(NOT MILLRACE_FUZZ)
  add_executable(millrace_test_headers EXCLUDE_FROM_ALL ${CMAKE_BINARY_DIR}/headers.cc)
  target_link_libraries(millrace_test_headers PRIVATE fmt::fmt GTest::gtest_main GTest::gmock)
  target_precompile_headers(millrace_test_headers PRIVATE <gtest/gtest.h> <gmock/gmock.h> <fstream> <functional> <map> <memory> <mutex> <random> <set>
                            <string> <thread> <vector> <fmt/format.h>)
endif()

# millrace_replays(NAME OUT source...): the sources that make fuzz targets a part of a test program: each target under a name of its
# own, and a test for each that gives it what is kept of its inputs.
function(millrace_replays name out)
  set(tests "")
  foreach(source ${ARGN})
    get_filename_component(target ${source} NAME_WE)
    string(REGEX REPLACE "^_" "" symbol ${name}_${target})
    set_source_files_properties(${source} PROPERTIES COMPILE_DEFINITIONS LLVMFuzzerTestOneInput=${symbol} SKIP_PRECOMPILE_HEADERS ON)
    string(APPEND tests "extern \"C\" int ${symbol}(const unsigned char*, std::size_t);\n"
           "TEST(KnownFuzzInputs, ${symbol}) { millrace::replay(\"${symbol}\", ${symbol}); }\n")
  endforeach()
  set(${out} "" PARENT_SCOPE)
  if(ARGN)
    set(generated ${CMAKE_CURRENT_BINARY_DIR}/fuzz_replay.cc)
    file(CONFIGURE OUTPUT ${generated} CONTENT "#include \"${CMAKE_SOURCE_DIR}/tests/fuzz/replay.h\"\n${tests}" @ONLY)
    set(${out} ${ARGN} ${generated} PARENT_SCOPE)
  endif()
endfunction()

# millrace_module(NAME [PUBLIC lib...] [PRIVATE lib...] [TEST lib...] [UNFUZZED regex])
#
# One folder is one module is one static library `millrace_NAME`. Sources are found by their suffix, in the folder and in
# its (private) sub-folders:
#   x.cc        the library                  x_test.cc   the test program `NAME_test`
#   x_bench.cc  the benchmark `NAME_bench`   x_fuzz.cc   a fuzz target of its own, `NAME_x_fuzz` (with MILLRACE_FUZZ); without,
#                                            `NAME_test` runs the inputs through it that are kept
# PUBLIC and PRIVATE are what the library links to; TEST what only its tests link to. UNFUZZED says which sources no fuzz target has a use for: the
# build with MILLRACE_FUZZ leaves them out, which halves it.
function(millrace_module name)
  cmake_parse_arguments(M "" "" "PUBLIC;PRIVATE;TEST;UNFUZZED" ${ARGN})
  set(here ${CMAKE_CURRENT_SOURCE_DIR})
  file(GLOB_RECURSE all CONFIGURE_DEPENDS RELATIVE ${here} ${here}/*.cc)
  set(sources ${all})
  list(FILTER sources EXCLUDE REGEX "_(test|bench|fuzz)\\.cc$")
  if(MILLRACE_FUZZ AND M_UNFUZZED)
    list(FILTER sources EXCLUDE REGEX "${M_UNFUZZED}")
  endif()
  foreach(kind test bench fuzz)
    set(${kind}s ${all})
    list(FILTER ${kind}s INCLUDE REGEX "_${kind}\\.cc$")
  endforeach()

  if(sources)
    add_library(millrace_${name} STATIC ${sources})
    target_include_directories(millrace_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
    target_link_libraries(millrace_${name} PUBLIC ${M_PUBLIC} PRIVATE ${M_PRIVATE})
    target_precompile_headers(millrace_${name} REUSE_FROM millrace_headers)
    # These stay alone in their object, so that a test program can replace them by others.
    millrace_knows_of_faults(${name} alone)
    set_source_files_properties(${alone} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  else()
    add_library(millrace_${name} INTERFACE)
    target_include_directories(millrace_${name} INTERFACE ${CMAKE_SOURCE_DIR}/src)
    target_link_libraries(millrace_${name} INTERFACE ${M_PUBLIC} ${M_PRIVATE})
  endif()

  if(tests AND NOT MILLRACE_FUZZ)
    millrace_replays(${name} replays ${fuzzs})
    add_executable(${name}_test ${replays} ${tests})
    if(MILLRACE_SANITIZE MATCHES undefined)
      # In the tests' own sources that one finds nothing about the program, and is a third of what there is to compile.
      target_compile_options(${name}_test PRIVATE -fno-sanitize=undefined)
    endif()
    target_link_libraries(${name}_test PRIVATE millrace_${name} ${M_PRIVATE} ${M_TEST} GTest::gtest_main GTest::gmock)
    target_precompile_headers(${name}_test REUSE_FROM millrace_test_headers)
    add_dependencies(unit_tests ${name}_test)
    add_test(NAME ${name} COMMAND ${name}_test)
    set_tests_properties(${name} PROPERTIES TIMEOUT 600 WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  endif()
  if(benchs AND NOT MILLRACE_FUZZ)
    add_executable(${name}_bench EXCLUDE_FROM_ALL ${benchs})
    target_link_libraries(${name}_bench PRIVATE millrace_${name} ${M_PRIVATE} benchmark::benchmark_main)
    add_dependencies(benches ${name}_bench)
  endif()
  if(MILLRACE_FUZZ)
    foreach(source ${fuzzs})
      get_filename_component(target ${source} NAME_WE)
      add_executable(${name}_${target} ${source})
      target_link_libraries(${name}_${target} PRIVATE millrace_${name} ${M_PRIVATE})
      target_link_options(${name}_${target} PRIVATE -fsanitize=fuzzer)
      add_dependencies(fuzzers ${name}_${target})
    endforeach()
  endif()
endfunction()

# millrace_knows_of_faults(MODULE OUT): the module's sources that can be built with a fault of src/base/sabotage.h.
function(millrace_knows_of_faults module out)
  get_target_property(sources millrace_${module} SOURCES)
  get_target_property(folder millrace_${module} SOURCE_DIR)
  set(found)
  foreach(source ${sources})
    if(source MATCHES "\\.cc$")
      file(STRINGS ${folder}/${source} knows REGEX "base/sabotage\\.h")
      if(knows)
        list(APPEND found ${folder}/${source})
      endif()
    endif()
  endforeach()
  set(${out} ${found} PARENT_SCOPE)
endfunction()
