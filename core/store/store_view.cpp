#include "core/store/store_view.hpp"

#include <fmt/format.h>

#include <utility>

#include "core/store/status_file.hpp"

namespace kifa::store {

namespace {

constexpr int kTriesMax = 20;  // a writer that starts, stops or edits meanwhile changes the picture

Result<LogScan> scan_once(io::FileSystem& files, const std::string& directory, bool live,
                          const std::optional<StatusSlot>& status) {
  LogScanOptions options{.directory = directory};
  if (live) {
    options.live_end = status->durable;
  }
  return scan_log(files, options);
}

Status check_directory(io::FileSystem& files, const std::string& directory) {
  const auto info = files.info(directory);
  if (!info) {
    return info.error().code() == Code::not_found
               ? Status(Code::not_found,
                        fmt::format("there is no directory {}; nothing was created", directory))
               : info.error();
  }
  return info->type == io::FileType::directory
             ? Status()
             : Status(Code::io, fmt::format("{} is not a directory, so it is no store", directory));
}

}  // namespace

Result<bool> is_outdated(io::FileSystem& files, const std::string& directory,
                         const StoreView& view) {
  const auto newest = load_manifest(files, directory);
  if (!newest) {
    return newest.error();
  }
  const auto& known = view.log.manifest.manifest;
  return newest->manifest && newest->manifest->version > (known ? known->version : 0);
}

Result<StoreView> view_store(io::FileSystem& files, const std::string& directory) {
  KIFA_TRY(check_directory(files, directory));
  for (int attempt = 1;; ++attempt) {
    const bool is_last = attempt == kTriesMax;
    const auto status = read_status(files, directory);
    if (!status) {
      return status.error().with_context(directory);
    }
    const auto live = is_live(files, directory, *status);
    if (!live) {
      return live.error();
    }
    auto scan = scan_once(files, directory, *live, *status);
    if (!scan) {
      // Beside a writer a segment may go while it is looked at.
      if (is_last || !*live || scan.error().code() != Code::not_found) {
        return scan.error();
      }
      continue;
    }
    if (!scan->exists) {
      return Status(Code::not_found,
                    fmt::format("there is no store in {}; nothing was created", directory));
    }
    StoreView view{.log = std::move(*scan), .live = *live};
    const auto after = read_status(files, directory);
    const auto still = after ? is_live(files, directory, *after) : Result<bool>(after.error());
    const bool is_settled = still && *still == *live;
    // What looks like damage may be a segment that was flushed and used again meanwhile.
    const bool is_suspicious =
        *live && (!view.log.damages.empty() || !view.log.manifest.damaged.empty());
    const auto outdated = is_suspicious ? is_outdated(files, directory, view) : Result<bool>(false);
    if (!outdated) {
      return outdated.error();
    }
    if (is_settled && !*outdated) {
      return view;
    }
    if (is_last) {
      return Status(
          Code::unavailable,
          fmt::format("the store in {} changes faster than it can be read; try later", directory));
    }
  }
}

}  // namespace kifa::store
