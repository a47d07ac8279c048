#include "engine/sandbox/sandbox.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace millrace::engine {
namespace {

Error failed(const char* what) {
  return unavailable(fmt::format("The sandbox failed: {}: {}", what, std::strerror(errno)));
}

void close_all_but(std::vector<int> keep) {
  std::sort(keep.begin(), keep.end());
  unsigned next = 3;
  for (int fd : keep) {
    if (fd < static_cast<int>(next)) continue;
    if (fd > static_cast<int>(next)) syscall(SYS_close_range, next, fd - 1, 0);
    next = fd + 1;
  }
  syscall(SYS_close_range, next, ~0U, 0);
}

constexpr int kNiceness = 10;  // its merges have many threads

Result<void> limit(int resource, rlim_t soft_max) {
  rlimit limits{};
  if (getrlimit(static_cast<__rlimit_resource_t>(resource), &limits) != 0) return failed("getrlimit");
  limits.rlim_cur = limits.rlim_max = std::min(limits.rlim_max, soft_max);
  if (setrlimit(static_cast<__rlimit_resource_t>(resource), &limits) != 0) return failed("setrlimit");
  return {};
}

}  // namespace

Result<void> shed_inheritance(int parent, const std::vector<int>& keep, const std::string& empty_folder) {
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return failed("PR_SET_PDEATHSIG");
  // The parent may have died before the line above.
  if (getppid() != parent) return unavailable("The process that started the engine is gone.");
  close_all_but(keep);
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0 || dup2(null, STDIN_FILENO) < 0) return failed("/dev/null");
  close(null);
  clearenv();
  MR_TRY(limit(RLIMIT_CORE, 0));
  MR_TRY(limit(RLIMIT_NOFILE, 65'536));
  if (chdir(empty_folder.c_str()) != 0) return failed("chdir");
  umask(0077);
  // Where there isn't enough CPU for both, events are taken before they are stored or counted.
  (void)setpriority(PRIO_PROCESS, 0, kNiceness);
  return {};
}

Result<SandboxReport> enter_sandbox(const SandboxPolicy& policy) {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed("PR_SET_NO_NEW_PRIVS");
  SandboxReport report;
  MR_ASSIGN(report.landlock_abi, restrict_files(policy));
  MR_TRY(restrict_system_calls());
  report.seccomp = true;
  return report;
}

}  // namespace millrace::engine
