#include "core/cli/partial_file.hpp"

#include <fmt/format.h>

#include <utility>

#include "core/base/assert.hpp"
#include "core/base/types.hpp"

namespace kifa::cli {
namespace {

constexpr std::string_view kSuffix = ".kifa-partial";
constexpr std::size_t kPieceBytes = 256_KiB;
constexpr int kTriesMax = 50;  // somebody else may remove the file between two calls

std::string partial_path(const std::string& target) {
  return fmt::format("{}/.{}{}", folder_of(target), name_in_folder(target), kSuffix);
}

// Whether `path` is still the name of the open file.
Result<bool> is_named(io::FileSystem& files, io::File& file, const std::string& path) {
  const auto open = file.info();
  if (!open) {
    return open.error();
  }
  const auto named = files.info(path);
  if (!named && named.error().code() != Code::not_found) {
    return named.error();
  }
  return named && named->id == open->id;
}

// Removes a file that nobody writes any more. That it cannot be removed is no reason not to make
// another one.
void remove_stale(io::FileSystem& files, const std::string& path) {
  const auto file = files.open(path, {.access = io::Access::read_write});
  if (!file) {
    return;
  }
  const auto locked = (*file)->try_lock_exclusive();
  if (!locked || !*locked) {
    return;  // it is being written
  }
  const auto named = is_named(files, **file, path);
  if (named && *named) {
    ignore(files.remove(path), "the next one tries again");
  }
}

}  // namespace

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) {
    return ".";
  }
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string name_in_folder(const std::string& path) { return path.substr(path.rfind('/') + 1); }

PartialFile::PartialFile(io::FileSystem& files, std::string target)
    : files_(files), target_(std::move(target)), path_(partial_path(target_)) {}

PartialFile::~PartialFile() {
  if (is_mine_) {
    ignore(files_.remove(path_), "the next one in this folder removes it");
  }
}

Result<std::unique_ptr<PartialFile>> PartialFile::create(io::FileSystem& files,
                                                         const std::string& target) {
  std::unique_ptr<PartialFile> partial(new PartialFile(files, target));
  const std::string folder = folder_of(target);
  const auto entries = files.list(folder);
  if (!entries) {
    return entries.error().code() == Code::not_found
               ? Status(Code::not_found, fmt::format("there is no folder {} to write {} into",
                                                     folder, name_in_folder(target)))
               : entries.error();
  }
  for (const io::DirectoryEntry& entry : *entries) {
    if (entry.name == name_in_folder(partial->path_) && entry.type != io::FileType::regular) {
      return Status(Code::invalid, fmt::format("{} is a link or something else that is no file of "
                                               "an export: remove it",
                                               partial->path_));
    }
    if (entry.type == io::FileType::regular && entry.name.starts_with('.') &&
        entry.name.ends_with(kSuffix)) {
      remove_stale(files, fmt::format("{}/{}", folder, entry.name));
    }
  }
  for (int attempt = 0; attempt < kTriesMax; ++attempt) {
    const auto taken = partial->take();
    if (!taken) {
      return taken.error();
    }
    if (*taken) {
      return partial;
    }
  }
  return Status(Code::unavailable, fmt::format("{} is removed again and again", partial->path_));
}

// False: somebody has removed the file before it was locked.
Result<bool> PartialFile::take() {
  auto file = files_.open(path_, {.access = io::Access::read_write, .create = true});
  if (!file) {
    return file.error();
  }
  const auto locked = (*file)->try_lock_exclusive();
  if (!locked) {
    return locked.error();
  }
  if (!*locked) {
    return Status(Code::locked,
                  fmt::format("another process is writing {}; wait until it has ended", target_));
  }
  const auto named = is_named(files_, **file, path_);
  if (!named || !*named) {
    return named;
  }
  is_mine_ = true;
  KIFA_TRY((*file)->resize(0));
  file_ = std::move(*file);
  buffer_.reserve(kPieceBytes);
  return true;
}

Status PartialFile::append(std::string_view text) {
  if (buffer_.size() + text.size() > kPieceBytes) {
    KIFA_TRY(flush());
  }
  if (text.size() >= kPieceBytes) {
    return write_all(text);
  }
  buffer_.append(text);
  return failure_;
}

Status PartialFile::flush() {
  KIFA_TRY(write_all(buffer_));
  buffer_.clear();
  return failure_;
}

Status PartialFile::write_all(std::string_view bytes) {
  while (failure_ && !bytes.empty()) {
    const auto written =
        file_->write_at(as_byte_view(bytes), written_bytes_, io::WriteMode::buffered);
    if (!written) {
      failure_ = written.error();
    } else if (*written == 0) {
      failure_ = Status(Code::io, fmt::format("{} takes no more bytes", path_));
    } else {
      written_bytes_ += *written;
      bytes.remove_prefix(*written);
    }
  }
  return failure_;
}

Status PartialFile::seal() {
  KIFA_TRY(flush());
  failure_ = file_->sync_all();
  is_sealed_ = failure_.is_ok();
  return failure_;
}

Status PartialFile::publish() {
  KIFA_ASSERT(is_sealed_);
  KIFA_TRY(files_.rename(path_, target_));
  is_mine_ = false;
  return {};
}

}  // namespace kifa::cli
