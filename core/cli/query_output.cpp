#include "core/cli/query_output.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "core/cli/output.hpp"

namespace kifa::cli {

QueryOutput::~QueryOutput() {
  if (descriptor_ >= 0) {
    ::close(descriptor_);
  }
}

Result<std::unique_ptr<QueryOutput>> QueryOutput::open(io::FileSystem& files,
                                                       const std::string& path) {
  std::unique_ptr<QueryOutput> output(new QueryOutput(files));
  if (path.empty()) {
    output->stream_ = std::make_unique<Output>(STDOUT_FILENO);
    return output;
  }
  const auto info = files.info(path);
  if (name_in_folder(path).empty() || (info && info->type == io::FileType::directory)) {
    return Status(Code::invalid, fmt::format("`{}` names a folder: name a file in it", path));
  }
  if (info && info->type != io::FileType::regular) {
    output->descriptor_ = ::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (output->descriptor_ < 0) {
      return Status::from_errno(errno, "cannot open " + path);
    }
    output->stream_ = std::make_unique<Output>(output->descriptor_, path);
    return output;
  }
  auto file = PartialFile::create(files, path);
  if (!file) {
    return file.error();
  }
  output->file_ = std::move(*file);
  return output;
}

Status QueryOutput::publish() {
  if (!file_) {
    return {};
  }
  KIFA_TRY(file_->seal());
  KIFA_TRY(file_->publish());
  return files_.sync_directory(folder_of(file_->target()));
}

}  // namespace kifa::cli
