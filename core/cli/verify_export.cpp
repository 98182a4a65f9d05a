#include "core/cli/verify_export.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "core/base/types.hpp"
#include "core/cli/digest_sink.hpp"
#include "core/cli/exit_code.hpp"
#include "core/cli/export_manifest.hpp"
#include "core/cli/human.hpp"
#include "core/cli/interrupt.hpp"
#include "core/cli/json.hpp"
#include "core/cli/messages.hpp"
#include "core/cli/output.hpp"
#include "core/cli/progress.hpp"
#include "core/io/file_system.hpp"

namespace kifa::cli {
namespace {

constexpr std::size_t kPieceBytes = 1_MiB;

// What the file is now.
struct Found {
  std::uint64_t bytes = 0;
  std::string sha256;
};

Result<Found> read_file(io::FileSystem& files, const std::string& path, ProgressLine& progress) {
  const auto file = files.open(path, {.access = io::Access::read});
  if (!file) {
    return file.error();
  }
  const auto info = (*file)->info();
  if (!info) {
    return info.error();
  }
  std::string piece(kPieceBytes, '\0');
  ByteDigest digest;
  for (;;) {
    const auto read = (*file)->read_at(std::as_writable_bytes(std::span(piece)), digest.bytes());
    if (!read) {
      return read.error();
    }
    if (*read == 0) {
      const std::uint64_t bytes = digest.bytes();
      return Found{.bytes = bytes, .sha256 = digest.finish()};
    }
    if (interrupting_signal() != 0) {
      return Status(Code::closed, "interrupted");
    }
    digest.add(std::string_view(piece).substr(0, *read));
    progress.show(digest.bytes(), info->bytes);
  }
}

// Empty: it is what was exported.
std::string fault_of(const std::string& file, const ExportManifest& manifest, const Found& found) {
  if (found.bytes != manifest.bytes) {
    return fmt::format("{} has {}, but {} were exported", file, counted(found.bytes, "byte"),
                       with_separators(manifest.bytes));
  }
  if (found.sha256 != manifest.sha256) {
    return fmt::format("{} is not what was exported: its SHA-256 is {}, not {}", file, found.sha256,
                       manifest.sha256);
  }
  return "";
}

std::string for_people(const std::string& file, const ExportManifest& manifest) {
  std::string text = fmt::format("{}: {}", file, counted(manifest.records, "record"));
  if (manifest.records != 0) {
    text += fmt::format(", LSN {} to {}", with_separators(manifest.first_lsn),
                        with_separators(manifest.last_lsn));
  }
  text += fmt::format(" of store {}, exported {}: no fault\n", manifest.store_id,
                      utc_text(manifest.created_unix_ns));
  if (!manifest.anchor.empty()) {
    text += fmt::format("anchor of the store then: {}\n", manifest.anchor);
  }
  return text;
}

std::string for_machines(const std::string& file, const ExportManifest& manifest,
                         const std::string& fault) {
  JsonArray faults;
  if (!fault.empty()) {
    faults.add(json_string(fault));
  }
  JsonObject json;
  json.text("file", file)
      .number("records", manifest.records)
      .number("first_lsn", manifest.first_lsn)
      .number("last_lsn", manifest.last_lsn)
      .text("store_id", manifest.store_id)
      .text("created", iso_text(manifest.created_unix_ns))
      .text("sha256", manifest.sha256);
  if (manifest.anchor.empty()) {
    json.null("anchor");
  } else {
    json.text("anchor", manifest.anchor);
  }
  return json.number("fault_count", fault.empty() ? 0 : 1).raw("faults", faults.finish()).finish() +
         "\n";
}

}  // namespace

int verify_export(const VerifyCommand& command) {
  watch_for_interrupts();
  const std::string& file = command.export_file;
  const auto manifest = read_manifest(io::posix_file_system(), file);
  if (!manifest) {
    complain(manifest.status().message());
    return exit_code(manifest.status().code());
  }
  ProgressLine progress("verifying", !command.quiet);
  const auto found = read_file(io::posix_file_system(), file, progress);
  progress.clear();
  if (!found && interrupting_signal() != 0) {
    return interrupted_exit_code();
  }
  if (!found) {
    complain(found.status().message());
    return exit_code(found.status().code());
  }
  const std::string fault = fault_of(file, *manifest, *found);
  std::string text;
  if (command.json) {
    text = for_machines(file, *manifest, fault);
  } else if (!fault.empty()) {
    text = fault + "\n";
  } else if (!command.quiet) {
    text = for_people(file, *manifest);
  }
  const int code = print(text);
  return code == kExitOk && !fault.empty() ? static_cast<int>(kExitData) : code;
}

}  // namespace kifa::cli
