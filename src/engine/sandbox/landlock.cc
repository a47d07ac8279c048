// Landlock (https://docs.kernel.org/userspace-api/landlock.html) by its system calls. The structures are declared here
// because the headers of Debian 12 end at ABI 2; newer kernels have more to switch on.

#include <cerrno>
#include <cstdint>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/sandbox/sandbox.h"

namespace millrace::engine {
namespace {

constexpr std::uint64_t kTruncate = 1ULL << 14;        // ABI 3
constexpr std::uint64_t kIoctlDevice = 1ULL << 15;     // ABI 5
constexpr std::uint64_t kTcpBindAndConnect = 3;        // ABI 4
constexpr std::uint64_t kAbstractSocketAndSignal = 3;  // ABI 6
constexpr std::uint64_t kReadFile = LANDLOCK_ACCESS_FS_READ_FILE;
constexpr std::uint64_t kReadFolder = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;

// Kernels accept a longer structure than they know if the rest is zero.
struct RulesetAttributes {
  std::uint64_t files = 0;
  std::uint64_t network = 0;
  std::uint64_t scoped = 0;
};

RulesetAttributes handled(int abi) {
  RulesetAttributes attributes;
  attributes.files = (1ULL << 13) - 1;  // ABI 1: execute … make_sym
  if (abi >= 2) attributes.files |= LANDLOCK_ACCESS_FS_REFER;
  if (abi >= 3) attributes.files |= kTruncate;
  if (abi >= 5) attributes.files |= kIoctlDevice;
  if (abi >= 4) attributes.network = kTcpBindAndConnect;
  if (abi >= 6) attributes.scoped = kAbstractSocketAndSignal;
  return attributes;
}

// Everything that a store of files does; no devices, pipes, sockets, and no execution.
std::uint64_t read_write(std::uint64_t handled_files) {
  std::uint64_t wanted = kReadFolder | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                         LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
                         LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER | kTruncate;
  return wanted & handled_files;
}

Error failed(const char* what) {
  return unavailable(fmt::format("The sandbox failed: {}: {}", what, std::strerror(errno)));
}

Result<void> allow(int ruleset, const std::string& path, std::uint64_t folder_access, std::uint64_t file_access) {
  int fd = open(path.c_str(), O_PATH | O_CLOEXEC);
  if (fd < 0) return not_found(path);
  struct stat status {};
  fstat(fd, &status);
  landlock_path_beneath_attr rule{};
  rule.allowed_access = S_ISDIR(status.st_mode) ? folder_access : file_access;
  rule.parent_fd = fd;
  long added = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
  int error = errno;
  // A rule holds on to the file, not to its name; /proc makes its files anew whenever nobody uses them. So its
  // descriptors stay open.
  if (path.rfind("/proc/", 0) != 0) close(fd);
  errno = error;
  if (added != 0) return failed("landlock_add_rule");
  return {};
}

Result<void> add_rules(int ruleset, const SandboxPolicy& policy, std::uint64_t handled_files) {
  for (const std::string& path : policy.read_write) {
    MR_TRY(allow(ruleset, path, read_write(handled_files), read_write(handled_files) & (kReadFile | kTruncate)));
  }
  for (const std::string& path : policy.read_only) {
    Result<void> allowed = allow(ruleset, path, kReadFolder, kReadFile);
    if (!allowed && allowed.error().code != Code::kNotFound) return allowed;
  }
  return {};
}

}  // namespace

Result<int> restrict_files(const SandboxPolicy& policy) {
  long abi = syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (abi < 0) return 0;  // ENOSYS or EOPNOTSUPP: not built in, or switched off at boot
  RulesetAttributes attributes = handled(static_cast<int>(abi));
  int ruleset = static_cast<int>(syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0));
  if (ruleset < 0) return failed("landlock_create_ruleset");
  Result<void> rules = add_rules(ruleset, policy, attributes.files);
  if (rules && syscall(SYS_landlock_restrict_self, ruleset, 0) != 0) rules = failed("landlock_restrict_self");
  close(ruleset);
  if (!rules) return rules.error();
  return static_cast<int>(abi);
}

}  // namespace millrace::engine
