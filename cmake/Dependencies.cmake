# Every third-party library, in one place. All are Debian 12 packages; docs/adr/0001-dependencies.md has the reasons.
find_package(Threads REQUIRED)
# Debian's own Python has Debian's modules; one that stands before it in PATH may not.
set(Python3_EXECUTABLE /usr/bin/python3 CACHE FILEPATH "The Python that has yaml")
find_package(PkgConfig REQUIRED)
find_package(fmt 9 REQUIRED)
find_package(spdlog REQUIRED)
find_package(simdjson 3 REQUIRED)
find_package(Boost 1.81 REQUIRED)  # Beast, headers only: what the tests hold our HTTP parser against
find_package(OpenSSL 3 REQUIRED)
find_package(ZLIB REQUIRED)
find_package(GTest REQUIRED)
find_package(benchmark REQUIRED)
find_package(CLI11 REQUIRED)
pkg_check_modules(TOMLPP REQUIRED IMPORTED_TARGET tomlplusplus)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(SECCOMP REQUIRED IMPORTED_TARGET libseccomp)
pkg_check_modules(RDKAFKA REQUIRED IMPORTED_TARGET rdkafka)
