#include "core/plugin/scan.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/plugin/descriptor.hpp"
#include "core/plugin/dynamic_library.hpp"
#include "core/plugin/plugin_file.hpp"

namespace kifa::plugin {
namespace {

constexpr std::string_view kRemedy = "ask the vendor for a corrected plugin";

std::string text_or_empty(const char* text) { return text == nullptr ? "" : text; }

// The child's answer on its way through the pipe: numbers as four bytes, texts behind their size.
class Packer final {
 public:
  void number(std::uint32_t value) {
    std::array<char, sizeof value> raw{};
    std::memcpy(raw.data(), &value, sizeof value);
    bytes_.append(raw.data(), raw.size());
  }
  void text(std::string_view value) {
    number(static_cast<std::uint32_t>(value.size()));
    bytes_ += value;
  }
  [[nodiscard]] const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

class Unpacker final {
 public:
  explicit Unpacker(std::string_view bytes) : rest_(bytes) {}

  std::uint32_t number() {
    std::uint32_t value = 0;
    if (rest_.size() < sizeof value) {
      good_ = false;
      rest_ = {};
      return 0;
    }
    std::memcpy(&value, rest_.data(), sizeof value);
    rest_.remove_prefix(sizeof value);
    return value;
  }
  std::string text() {
    const std::uint32_t size = number();
    if (size > rest_.size()) {
      good_ = false;
      rest_ = {};
      return {};
    }
    std::string value(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return value;
  }
  [[nodiscard]] bool good() const { return good_; }
  [[nodiscard]] bool finished() const { return good_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool good_ = true;
};

std::string pack(const PluginListing& listing) {
  Packer out;
  out.number(listing.usable ? 1 : 0);
  for (const std::string* text : {&listing.refusal, &listing.id, &listing.version, &listing.abi,
                                  &listing.license, &listing.vendor}) {
    out.text(*text);
  }
  out.number(static_cast<std::uint32_t>(listing.components.size()));
  for (const PluginListing::Part& part : listing.components) {
    out.number(part.kind);
    out.text(part.type);
    out.text(part.summary);
  }
  return out.bytes();
}

std::optional<PluginListing> unpack(std::string_view bytes) {
  Unpacker in(bytes);
  PluginListing listing;
  listing.usable = in.number() == 1;
  for (std::string* text : {&listing.refusal, &listing.id, &listing.version, &listing.abi,
                            &listing.license, &listing.vendor}) {
    *text = in.text();
  }
  const std::uint32_t count = in.number();
  for (std::uint32_t i = 0; i < count && i < kComponentsMax && in.good(); ++i) {
    const std::uint32_t kind = in.number();
    std::string type = in.text();
    listing.components.push_back({kind, std::move(type), in.text()});
  }
  return in.finished() ? std::optional(std::move(listing)) : std::nullopt;
}

// Loads the plugin and says what it is; runs in the child.
PluginListing look_inside(const std::string& path) {
  PluginListing refused;
  const Result<const kifa_plugin*> plugin = load_descriptor(path);
  const Status verdict = plugin ? check_descriptor(*plugin) : plugin.status();
  if (!verdict) {
    refused.refusal = verdict.message();
    if (plugin && has_identity(*plugin)) {
      refused.id = (*plugin)->id;
      refused.version = (*plugin)->version;
    }
    return refused;
  }
  return listing_of(**plugin);
}

void write_fully(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written <= 0) {
      return;
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

[[noreturn]] void run_child(const std::string& path, int answer_fd) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  // A crash must end the child by its signal, whatever handlers the host or a sanitizer has.
  for (const int number : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS}) {
    std::signal(number, SIG_DFL);
  }
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  const int null_fd = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; fd <= 2 && null_fd >= 0; ++fd) {
    ::dup2(null_fd, fd);
  }
  int exit_code = 1;
  try {
    write_fully(answer_fd, pack(look_inside(path)));
    exit_code = 0;
  } catch (...) {  // NOLINT: the exit code says it
  }
  ::_exit(exit_code);
}

struct ChildResult {
  std::string answer;
  bool in_time = false;
  int wait_status = 0;
};

// Reads until the child closes the pipe or the time is over.
bool read_answer(int fd, std::chrono::steady_clock::time_point deadline, std::string& answer) {
  std::array<char, 4096> buffer{};
  while (answer.size() <= kScanAnswerBytesMax) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    pollfd waiting{fd, POLLIN, 0};
    const int ready =
        ::poll(&waiting, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
    if (ready < 0 && errno == EINTR) {
      continue;
    }
    if (ready <= 0) {
      return false;
    }
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      return got == 0;
    }
    answer.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return true;
}

Result<ChildResult> run_in_child(const std::string& path, std::chrono::milliseconds time_limit) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return Status::from_errno(errno, "cannot make a pipe for scanning");
  }
  const pid_t child = ::fork();
  if (child < 0) {
    const int sys_errno = errno;
    ::close(ends[0]);
    ::close(ends[1]);
    return Status::from_errno(sys_errno, "cannot start a process for scanning");
  }
  if (child == 0) {
    ::close(ends[0]);
    run_child(path, ends[1]);
  }
  ::setpgid(child, child);  // the child does so too; whoever comes first
  ::close(ends[1]);
  ChildResult result;
  result.in_time =
      read_answer(ends[0], std::chrono::steady_clock::now() + time_limit, result.answer);
  ::close(ends[0]);
  // Harmless for a child that is on its way out, which is what the closed pipe means nearly always:
  // its exit status stands. Anything else that it started goes with it.
  ::kill(child, SIGKILL);
  ::kill(-child, SIGKILL);
  while (::waitpid(child, &result.wait_status, 0) < 0 && errno == EINTR) {
  }
  return result;
}

std::string signal_name(int number) {
  const char* name = ::sigabbrev_np(number);
  return name == nullptr ? fmt::format("signal {}", number) : fmt::format("SIG{}", name);
}

std::string refusal_of(const ChildResult& result, std::chrono::milliseconds time_limit) {
  if (!result.in_time) {
    return fmt::format("did not finish within {} s while being scanned; {}",
                       std::chrono::duration<double>(time_limit).count(), kRemedy);
  }
  if (WIFSIGNALED(result.wait_status)) {
    return fmt::format("crashed with {} while being scanned; {}",
                       signal_name(WTERMSIG(result.wait_status)), kRemedy);
  }
  return fmt::format("ended the process (exit code {}) while being scanned; {}",
                     WEXITSTATUS(result.wait_status), kRemedy);
}

PluginListing scan_checked_file(const std::string& path, std::chrono::milliseconds time_limit) {
  PluginListing refused;
  const Result<ChildResult> result = run_in_child(path, time_limit);
  if (!result) {
    refused.refusal = result.status().message();
    return refused;
  }
  if (result->in_time && WIFEXITED(result->wait_status) && WEXITSTATUS(result->wait_status) == 0) {
    if (std::optional<PluginListing> listing = unpack(result->answer)) {
      return *std::move(listing);
    }
  }
  refused.refusal = refusal_of(*result, time_limit);
  return refused;
}

}  // namespace

PluginListing listing_of(const kifa_plugin& plugin) {
  PluginListing listing;
  listing.usable = true;
  listing.id = plugin.id;
  listing.version = plugin.version;
  listing.abi = fmt::format("{}.{}", plugin.abi_major, plugin.abi_minor);
  listing.license = text_or_empty(plugin.license);
  listing.vendor = text_or_empty(plugin.vendor);
  for (std::uint32_t i = 0; i < plugin.component_count; ++i) {
    const kifa_component& component = component_at(plugin, i);
    if (is_known_kind(component.kind)) {
      listing.components.push_back(
          {component.kind, component.type, text_or_empty(component.summary)});
    }
  }
  return listing;
}

PluginListing scan_plugin(const std::string& path, std::chrono::milliseconds time_limit) {
  PluginListing listing;
  const Result<PluginFile> file = check_plugin_file(path);
  if (file) {
    listing = scan_checked_file(path, time_limit);
    listing.warning = file->warning;
  } else {
    listing.refusal = file.status().message();
  }
  listing.path = path;
  return listing;
}

}  // namespace kifa::plugin
