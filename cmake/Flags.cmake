# Compiler and linker flags of every target.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

set(MILLRACE_SANITIZE "" CACHE STRING "Sanitizers to build with, e.g. address,undefined or thread")
set(MILLRACE_SABOTAGE "" CACHE STRING "A fault of src/base/sabotage.h to build in, so that the tests are tested")
option(MILLRACE_FUZZ "Build the libFuzzer targets (clang only)" OFF)
option(MILLRACE_COVERAGE "Count which lines the fuzz targets reach, instead of fuzzing (clang only)" OFF)

# tools/build.sh sets what ccache needs to know about precompiled headers.
find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

# x86-64-v2 has the SSE4.2 CRC32 instruction; every server of the last fifteen years has it.
add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Werror -march=x86-64-v2 -g1
                    -fno-omit-frame-pointer)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 sees overflows and dangling pointers that are not there in inlined library code.
  add_compile_options(-Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread -Wno-maybe-uninitialized
                      -Wno-restrict -fpch-preprocess)
  if(CMAKE_UNITY_BUILD)
    add_compile_options(-Wno-subobject-linkage)  # takes a source in a source for a header
  endif()
else()
  # Without the time in a precompiled header, ccache knows it again.
  add_compile_options(-Wthread-safety "SHELL:-Xclang -fno-pch-timestamp")
endif()
string(REPLACE "-g" "" CMAKE_CXX_FLAGS_RELWITHDEBINFO "${CMAKE_CXX_FLAGS_RELWITHDEBINFO}")
string(REPLACE "-DNDEBUG" "" CMAKE_CXX_FLAGS_RELWITHDEBINFO "${CMAKE_CXX_FLAGS_RELWITHDEBINFO}")
set(CMAKE_CXX_FLAGS_DEBUG "-Og")

if(MILLRACE_SANITIZE MATCHES thread AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options(-Wno-tsan)  # Asio has fences beside its locks; g++ says that it doesn't model them
endif()
if(MILLRACE_SANITIZE)
  add_compile_options(-fsanitize=${MILLRACE_SANITIZE} -fno-sanitize-recover=all)
  if(MILLRACE_SANITIZE MATCHES address AND NOT MILLRACE_FUZZ)
    # What these find the address sanitizer finds as well; a sixth of what there is to compile.
    add_compile_options(-fno-sanitize=null,object-size)
  endif()
  add_link_options(-fsanitize=${MILLRACE_SANITIZE})
endif()
if(MILLRACE_FUZZ)
  set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O1")  # less to compile; what counts is how much is looked at, not how fast
  if(MILLRACE_COVERAGE)
    add_compile_options(-fprofile-instr-generate -fcoverage-mapping)
    add_link_options(-fprofile-instr-generate)
  else()
    add_compile_options(-fsanitize=fuzzer-no-link)
  endif()
endif()
