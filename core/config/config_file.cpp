#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/text.hpp"
#include "core/config/deployment.hpp"

namespace kifa::config {
namespace {

constexpr std::size_t kReadBytes = 64_KiB;
constexpr std::string_view kSecretFile = "file:";

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) {
      ::close(fd_);
    }
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

struct FileText {
  std::string text;
  bool is_world_readable = false;
};

// Reads at most `bytes_max`; `what` names the file in failures: "the configuration file x.yaml".
[[nodiscard]] Result<FileText> read_text(const std::string& path, std::size_t bytes_max,
                                         std::string_view what) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (file.get() < 0) {
    return Status::from_errno(errno, fmt::format("cannot open {}", what));
  }
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) {
    return Status::from_errno(errno, fmt::format("cannot read {}", what));
  }
  if (S_ISDIR(status.st_mode)) {
    return Status(Code::invalid, fmt::format("{} is a directory; name a file in it", what));
  }
  FileText out;
  out.is_world_readable = (status.st_mode & S_IROTH) != 0;
  while (out.text.size() <= bytes_max) {
    const std::size_t size = out.text.size();
    out.text.resize(size + kReadBytes);
    const ssize_t got = ::read(file.get(), out.text.data() + size, kReadBytes);
    out.text.resize(size + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got == 0) {
      return out;
    }
    if (got < 0 && errno != EINTR) {
      return Status::from_errno(errno, fmt::format("cannot read {}", what));
    }
  }
  return Status(Code::invalid,
                fmt::format("{} is longer than the {} bytes that it may have", what, bytes_max));
}

void read_secret(Setting& setting, Diagnostics& diagnostics) {
  if (!setting.secret || setting.type != OptionType::string ||
      !setting.text.starts_with(kSecretFile)) {
    return;
  }
  const std::string path = setting.text.substr(kSecretFile.size());
  Result<FileText> file = read_text(path, kScalarBytesMax, fmt::format("the secret file {}", path));
  if (!file) {
    diagnostics.error(setting.mark, file.error().message());
    return;
  }
  if (file->is_world_readable) {
    diagnostics.warning(setting.mark,
                        fmt::format("the secret file {} can be read by everyone", path),
                        "chmod 600 it");
  }
  setting.text = std::move(file->text);
  if (setting.text.ends_with('\n')) {
    setting.text.pop_back();
    if (setting.text.ends_with('\r')) {
      setting.text.pop_back();
    }
  }
}

}  // namespace

Result<std::string> read_config_file(const std::string& path) {
  if (path.empty()) {
    return Status(Code::invalid, "the name of the configuration file is empty");
  }
  Result<FileText> file =
      read_text(path, kTextBytesMax, fmt::format("the configuration file {}", path));
  if (!file) {
    return file.error();
  }
  return std::move(file->text);
}

void read_secrets(Deployment& deployment, Diagnostics& diagnostics) {
  const auto read_all = [&](ComponentConfig& component) {
    for (Setting& setting : component.settings) {
      read_secret(setting, diagnostics);
    }
  };
  for (PipelineConfig& pipeline : deployment.pipelines) {
    for (SourceConfig& source : pipeline.sources) {
      read_all(source.component);
      read_all(source.framing);
    }
    for (SinkConfig& sink : pipeline.sinks) {
      read_all(sink.component);
      read_all(sink.format);
    }
  }
}

}  // namespace kifa::config
