#include "core/cli/export_files.hpp"

#include <fmt/format.h>

#include <utility>

#include "core/cli/export_manifest.hpp"

namespace kifa::cli {
namespace {

// Whether something is there that is to be replaced.
Result<bool> has_older(io::FileSystem& files, const std::string& target, bool may_replace) {
  if (name_in_folder(target).empty()) {
    return Status(Code::invalid, fmt::format("`{}` names a folder: name a file in it", target));
  }
  const auto info = files.info(target);
  if (!info) {
    return info.error().code() == Code::not_found ? Result<bool>(false)
                                                  : Result<bool>(info.error());
  }
  if (info->type != io::FileType::regular) {
    return Status(
        Code::invalid,
        fmt::format("{} is no file: an export needs one, and a folder to make it in", target));
  }
  if (!may_replace) {
    return Status(Code::invalid,
                  fmt::format("{} is there already: give --force to replace it", target));
  }
  return true;
}

// Whether the manifest's place is free, or has what a killed export has left there.
Status check_manifest_place(io::FileSystem& files, const std::string& target, bool may_replace) {
  const std::string path = manifest_path_of(target);
  const auto info = files.info(path);
  if (!info) {
    return info.error().code() == Code::not_found ? Status() : info.error();
  }
  if (info->type != io::FileType::regular) {
    return {Code::invalid,
            fmt::format("{} is no file, and the manifest belongs there: move it away", path)};
  }
  if (may_replace || read_manifest(files, target)) {
    return {};
  }
  return {Code::invalid, fmt::format("{} is no manifest of an export, and would be replaced: move "
                                     "it away, or give --force",
                                     path)};
}

}  // namespace

Result<std::unique_ptr<ExportFiles>> ExportFiles::create(io::FileSystem& files,
                                                         const std::string& target,
                                                         bool may_replace) {
  const auto older = has_older(files, target, may_replace);
  if (!older) {
    return older.error();
  }
  KIFA_TRY(check_manifest_place(files, target, may_replace));
  std::unique_ptr<ExportFiles> made(new ExportFiles(files, may_replace));
  auto data = PartialFile::create(files, target);
  if (!data) {
    return data.error();
  }
  made->data_ = std::move(*data);
  return made;
}

Status ExportFiles::publish(std::string_view manifest) {
  const std::string& target = data_->target();
  const std::string manifest_path = manifest_path_of(target);
  auto partial = PartialFile::create(files_, manifest_path);
  if (!partial) {
    return partial.error();
  }
  KIFA_TRY((*partial)->append(manifest));
  KIFA_TRY((*partial)->seal());
  KIFA_TRY(data_->seal());
  const auto older = has_older(files_, target, may_replace_);
  if (!older) {
    return older.error();
  }
  if (*older) {
    const Status removed = files_.remove(manifest_path);
    if (!removed && removed.code() != Code::not_found) {
      return removed;
    }
    // Each step is on the disk before the next: a power cut must not bring a file and the manifest
    // of the other one together.
    KIFA_TRY(files_.sync_directory(folder_of(target)));
    KIFA_TRY(data_->publish());
    KIFA_TRY(files_.sync_directory(folder_of(target)));
    KIFA_TRY((*partial)->publish());
  } else {
    KIFA_TRY((*partial)->publish());
    KIFA_TRY(data_->publish());
  }
  return files_.sync_directory(folder_of(target));
}

}  // namespace kifa::cli
