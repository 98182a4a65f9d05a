#include "core/store/manifest_files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>

#include "core/store/manifest_format.hpp"
#include "core/store/mutants.hpp"
#include "core/store/small_file.hpp"

namespace kifa::store {

namespace {

constexpr int kListAttemptsMax = 8;
constexpr std::uint64_t kManifestBytesMax = 512_MiB;  // with what a later minor may have added

std::string path_in(const std::string& directory, const std::string& name) {
  return fmt::format("{}/{}", directory, name);
}

bool is_unfinished(std::string_view name) {
  if (!name.ends_with(kTemporarySuffix)) {
    return false;
  }
  return manifest_version_of(name.substr(0, name.size() - kTemporarySuffix.size())).has_value();
}

void note_name(const std::string& name, LoadedManifest& loaded) {
  loaded.names.push_back(name);
  if (is_unfinished(name)) {
    loaded.unfinished.push_back(name);
  }
  if (const auto version = manifest_version_of(name)) {
    loaded.versions.push_back(*version);
    loaded.highest_version = std::max(loaded.highest_version, *version);
  }
  if (name.ends_with(kDamagedSuffix)) {
    // Its version is not used again, and until a newer one is written the state is an older one.
    const auto version =
        manifest_version_of(std::string_view(name).substr(0, name.size() - kDamagedSuffix.size()));
    loaded.highest_version = std::max(loaded.highest_version, version.value_or(0));
  }
  for (const std::string_view prefix : {"table-", "CHECKPOINTS-"}) {
    // Also of a file that was kept aside or not finished: "table-0000000000000007.damaged".
    const std::string_view whole = std::string_view(name).substr(0, name.find('.'));
    if (const auto number = number_in_name(prefix, whole)) {
      loaded.highest_file_number = std::max(loaded.highest_file_number, *number);
    }
  }
}

// The manifest of `version`; not_found: its file went away.
Result<Manifest> read_version(io::FileSystem& files, const std::string& directory,
                              std::uint64_t version) {
  const std::string path = path_in(directory, manifest_file_name(version));
  const auto bytes = read_whole_file(files, path, kManifestBytesMax);
  if (!bytes) {
    return bytes.error();
  }
  Result<Manifest> manifest = decode_manifest(*bytes);
  if (!manifest) {
    return manifest.error().with_context(path);
  }
  if (manifest->version != version) {
    return Status(Code::corrupt,
                  fmt::format("{}: it is a copy of version {}", path, manifest->version));
  }
  return manifest;
}

// One look at the directory. False: the newest file went away meanwhile, so there is a newer one.
Result<bool> look(io::FileSystem& files, const std::string& directory, LoadedManifest& loaded) {
  const auto entries = files.list(directory);
  if (!entries) {
    return entries.error();
  }
  for (const io::DirectoryEntry& entry : *entries) {
    note_name(entry.name, loaded);
  }
  std::ranges::sort(loaded.versions);
  for (const std::uint64_t version : loaded.versions | std::views::reverse) {
    Result<Manifest> manifest = read_version(files, directory, version);
    if (!manifest) {
      const Status& failure = manifest.error();
      if (failure.code() == Code::not_found) {
        if (!loaded.manifest) {
          return false;
        }
        continue;
      }
      if (failure.code() != Code::corrupt) {
        return failure;  // an older version would be a wrong answer to "too many open files"
      }
      loaded.damaged.push_back({manifest_file_name(version), failure.message()});
      continue;
    }
    if (!loaded.manifest) {
      loaded.manifest = std::move(*manifest);
    } else {
      loaded.previous = std::move(*manifest);
      break;
    }
  }
  return true;
}

// After a rename that failed: whether the old name is certainly still the only one.
bool is_certainly_not_renamed(io::FileSystem& files, const std::string& path) {
  const auto info = files.info(path);
  return !info && info.error().code() == Code::not_found;
}

}  // namespace

Result<LoadedManifest> load_manifest(io::FileSystem& files, const std::string& directory) {
  for (int attempt = 0; attempt < kListAttemptsMax; ++attempt) {
    LoadedManifest loaded;
    const Result<bool> is_settled = look(files, directory, loaded);
    if (!is_settled) {
      return is_settled.error();
    }
    if (*is_settled) {
      return loaded;
    }
  }
  return Status(Code::unavailable,
                fmt::format("the manifest in {} is replaced faster than it can be read; try again",
                            directory));
}

ManifestWrite write_manifest(io::FileSystem& files, const std::string& directory,
                             const Manifest& manifest) {
  Status sound = check_manifest(manifest);
  if (!sound || manifest.flags_read_only != 0) {
    return {.status =
                Status(Code::internal,
                       fmt::format("manifest {} is not written: {}", manifest.version,
                                   sound ? "it has features of a newer kifa" : sound.message()))};
  }
  const std::vector<std::byte> bytes = encode_manifest(manifest);
  const std::string path = path_in(directory, manifest_file_name(manifest.version));
  const std::string temporary = path + std::string(kTemporarySuffix);
  const auto taken = files.info(path);
  if (taken || taken.error().code() != Code::not_found) {
    return {.status =
                taken ? Status(Code::internal,
                               fmt::format("{} is there already; versions are never reused", path))
                      : taken.error()};
  }
  const Status removed = files.remove(temporary);
  if (!removed && removed.code() != Code::not_found) {
    return {.status = removed};
  }
  if (Status written = write_new_file(files, temporary, bytes); !written) {
    return {.status = std::move(written)};
  }
  if (Status renamed = files.rename(temporary, path); !renamed) {
    const bool is_certain = is_certainly_not_renamed(files, path);
    ignore(files.remove(temporary), "it is removed at the next open otherwise");
    return {.status = std::move(renamed), .is_certain = is_certain};
  }
  if (mutant_is(Mutant::no_manifest_directory_sync)) {
    return {.status = {}, .bytes = bytes.size()};
  }
  if (Status synced = files.sync_directory(directory); !synced) {
    return {.status = std::move(synced), .is_certain = false};
  }
  return {.status = {}, .bytes = bytes.size()};
}

}  // namespace kifa::store
