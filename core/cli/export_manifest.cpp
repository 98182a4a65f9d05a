#include "core/cli/export_manifest.hpp"

#include <fmt/format.h>

#include <exception>
#include <nlohmann/json.hpp>
#include <span>
#include <stdexcept>
#include <utility>

#include "core/cli/digest_sink.hpp"
#include "core/cli/human.hpp"

namespace kifa::cli {
namespace {

using Json = nlohmann::ordered_json;
using SortedJson = nlohmann::json;

constexpr const char* kSeal = "seal";
constexpr int kIndent = 2;
constexpr int kDepthMax = 16;  // far more than a manifest has; the JSON library copies by recursion

// One text for what is in `json`, however it was laid out.
std::string sealed_text(SortedJson json) {
  json.erase(kSeal);
  return json.dump(-1, ' ', false, SortedJson::error_handler_t::replace);
}

Json time_json(std::int64_t unix_ns, bool is_known) {
  return is_known ? Json(unix_ns) : Json(nullptr);
}

Json choice_json(const RecordChoice& choice) {
  Json json = Json::object();
  json["from_lsn"] = choice.from_lsn;
  json["to_lsn"] = choice.to_lsn == 0 ? Json(nullptr) : Json(choice.to_lsn);
  json["from_time_ns"] = time_json(choice.min_unix_ns, choice.min_unix_ns != INT64_MIN);
  json["to_time_ns"] = time_json(choice.max_unix_ns, choice.max_unix_ns != INT64_MAX);
  json["pipeline"] = choice.pipeline;
  json["source"] = choice.source;
  json["grep"] = choice.grep;
  json["where"] = Json::array();
  for (const AttributeMatch& match : choice.matches) {
    json["where"].push_back(match.key + "=" + match.value);
  }
  json["limit"] = choice.limit;
  json["last"] = choice.last;
  json["reverse"] = choice.is_reverse;
  return json;
}

Status not_a_manifest(std::string_view why) {
  return {Code::corrupt, fmt::format("it is no manifest of an export, or was changed: {}", why)};
}

ExportManifest read_members(const SortedJson& json) {
  ExportManifest manifest;
  json.at("file").get_to(manifest.file);
  json.at("bytes").get_to(manifest.bytes);
  json.at("sha256").get_to(manifest.sha256);
  json.at("compression").get_to(manifest.compression);
  json.at("content_bytes").get_to(manifest.content_bytes);
  json.at("content_sha256").get_to(manifest.content_sha256);
  json.at("format").get_to(manifest.format);
  json.at("format_options").get_to(manifest.format_options);
  json.at("records").get_to(manifest.records);
  json.at("first_lsn").get_to(manifest.first_lsn);
  json.at("last_lsn").get_to(manifest.last_lsn);
  json.at("gaps").get_to(manifest.gaps);
  json.at("lost_records").get_to(manifest.lost_records);
  json.at("store_id").get_to(manifest.store_id);
  json.at("durable_lsn").get_to(manifest.durable_lsn);
  if (!json.at("anchor").is_null()) {
    json.at("anchor").get_to(manifest.anchor);
  }
  json.at("created_ns").get_to(manifest.created_unix_ns);
  if (manifest.records != 0) {
    json.at("first_timestamp_ns").get_to(manifest.first_unix_ns);
    json.at("last_timestamp_ns").get_to(manifest.last_unix_ns);
  }
  return manifest;
}

// A whole small file.
Result<std::string> read_text(io::FileSystem& files, const std::string& path) {
  const auto file = files.open(path, {.access = io::Access::read});
  if (!file) {
    return file.error();
  }
  const auto info = (*file)->info();
  if (!info) {
    return info.error();
  }
  if (info->bytes > kManifestBytesMax) {
    return Status(Code::corrupt,
                  fmt::format("it has {}; no manifest has so many", counted(info->bytes, "byte")));
  }
  std::string text(info->bytes, '\0');
  const auto read = (*file)->read_at(std::as_writable_bytes(std::span(text)), 0);
  if (!read) {
    return read.error();
  }
  text.resize(*read);
  return text;
}

}  // namespace

std::string manifest_path_of(const std::string& file) { return file + ".manifest.json"; }

std::string manifest_json(const ExportManifest& manifest, const RecordChoice& choice) {
  const bool has_records = manifest.records != 0;
  Json json = Json::object();
  json["kifa_export"] = kExportFormat;
  json["file"] = manifest.file;
  json["bytes"] = manifest.bytes;
  json["sha256"] = manifest.sha256;
  json["compression"] = manifest.compression;
  json["content_bytes"] = manifest.content_bytes;
  json["content_sha256"] = manifest.content_sha256;
  json["format"] = manifest.format;
  json["format_options"] = manifest.format_options;
  json["records"] = manifest.records;
  json["first_lsn"] = manifest.first_lsn;
  json["last_lsn"] = manifest.last_lsn;
  json["first_timestamp_ns"] = time_json(manifest.first_unix_ns, has_records);
  json["last_timestamp_ns"] = time_json(manifest.last_unix_ns, has_records);
  json["gaps"] = manifest.gaps;
  json["lost_records"] = manifest.lost_records;
  json["store_id"] = manifest.store_id;
  json["durable_lsn"] = manifest.durable_lsn;
  json["anchor"] = manifest.anchor.empty() ? Json(nullptr) : Json(manifest.anchor);
  json["created"] = iso_text(manifest.created_unix_ns);
  json["created_ns"] = manifest.created_unix_ns;
  json["selection"] = choice_json(choice);
  json[kSeal] = sha256_text(sealed_text(SortedJson(json)));
  return json.dump(kIndent, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<ExportManifest> manifest_from_json(std::string_view text) {
  try {
    const SortedJson json = SortedJson::parse(
        text, [](int depth, SortedJson::parse_event_t /*event*/, auto& /*value*/) {
          if (depth > kDepthMax) {
            throw std::runtime_error("it is nested too deeply");
          }
          return true;
        });
    const std::uint64_t version = json.at("kifa_export").get<std::uint64_t>();
    if (version > kExportFormat) {
      return Status(Code::unsupported,
                    fmt::format("it has format {}, and this kifa knows {}: use a newer kifa",
                                version, kExportFormat));
    }
    if (json.at(kSeal).get<std::string>() != sha256_text(sealed_text(json))) {
      return not_a_manifest("its seal does not hold");
    }
    return read_members(json);
  } catch (const std::exception& failure) {  // of the JSON library
    return not_a_manifest(failure.what());
  }
}

Result<ExportManifest> read_manifest(io::FileSystem& files, const std::string& file) {
  const std::string path = manifest_path_of(file);
  const auto text = read_text(files, path);
  if (!text && text.error().code() == Code::not_found) {
    return Status(Code::not_found,
                  fmt::format("there is no {}: without its manifest nobody can tell whether {} is "
                              "what was exported",
                              path, file));
  }
  auto manifest = text ? manifest_from_json(*text) : Result<ExportManifest>(text.error());
  return manifest ? std::move(manifest) : manifest.error().with_context(path);
}

}  // namespace kifa::cli
