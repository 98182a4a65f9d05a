// Formatter `json`: one object a line, for programs. No byte is ever replaced or lost.
//
//   {"lsn":1,"timestamp":"2026-01-31T18:30:00.123456789Z","timestamp_ms":1769884200123,
//    "timestamp_ns":1769884200123456789,"pipeline":"till-1","source":"app","data":"..."}
//
// (on one line). `lsn` is null for a record that is not stored yet, `source` when it is not known;
// `pipeline` is there when known. A payload that is not valid UTF-8 comes as `data_base64` instead
// of `data`. `attributes` and `flags` are there when the record has any:
//
//   "attributes":{"peer":"10.0.0.7:5140"}        or, when a key comes twice or is not UTF-8,
//   "attributes":[["tag","a"],["tag","b"]]       so that no attribute hides another;
//   "flags":["truncated","split","partial","resent"]
//
// An attribute that is not valid UTF-8 is {"base64":"..."} in place of its string.

#include <kifa/sdk.hpp>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "plugins/formatters/json/json_text.hpp"
#include "plugins/formatters/shared/output_buffer.hpp"
#include "plugins/formatters/shared/time_text.hpp"
#include "plugins/formatters/shared/utf8.hpp"

namespace {

namespace sdk = kifa::sdk;
namespace json = kifa::plugins::json;
namespace utf8 = kifa::plugins::utf8;
using kifa::plugins::OutputBuffer;
using kifa::plugins::SecondText;
using kifa::plugins::UnixTime;

constexpr std::size_t kGatherBytes = std::size_t{256} << 10U;  // handed over when there are more
constexpr std::size_t kSliceBytes = std::size_t{16} << 10U;    // of payload, escaped at once
constexpr std::size_t kHeadBytesMax = 192;                     // up to the origin

constexpr std::string_view kPipelineKey = "kifa.pipeline";
constexpr std::string_view kSourceKey = "kifa.source";

struct FlagName {
  std::uint32_t flag;
  std::string_view name;
};
constexpr FlagName kFlagNames[] = {{KIFA_RECORD_TRUNCATED, "truncated"},
                                   {KIFA_RECORD_SPLIT, "split"},
                                   {KIFA_RECORD_PARTIAL, "partial"},
                                   {KIFA_RECORD_RESENT, "resent"}};

char* write(char* at, std::string_view text) {
  std::memcpy(at, text.data(), text.size());
  return at + text.size();
}

template <class Number>
char* write_number(char* at, Number number) {
  return std::to_chars(at, at + 20, number).ptr;
}

bool is_origin(const kifa_attr& attr) {
  const std::string_view key = sdk::text_of(attr.key);
  return key == kPipelineKey || key == kSourceKey;
}

// Null when there is none. The first one counts: the host puts its own first.
const kifa_attr* find(std::span<const kifa_attr> attrs, std::string_view key) {
  const auto found = std::find_if(attrs.begin(), attrs.end(), [key](const kifa_attr& attr) {
    return sdk::text_of(attr.key) == key;
  });
  return found == attrs.end() ? nullptr : &*found;
}

// What the attributes of a record become; kept for the records that share them.
class AttributeText final {
 public:
  // Renders anew unless these are the attributes of the last call. The pointer stands for them only
  // within one batch: forget() between batches.
  void render(const kifa_record& record) {
    if (is_valid_ && record.attrs == attrs_ && record.attr_count == count_) {
      return;
    }
    attrs_ = record.attrs;
    count_ = record.attr_count;
    is_valid_ = true;
    const std::span<const kifa_attr> all(attrs_, count_);
    render_origin(all);
    render_others(all);
  }
  void forget() { is_valid_ = false; }

  [[nodiscard]] std::string_view origin() const { return origin_.view(); }
  [[nodiscard]] std::string_view others() const { return others_.view(); }

 private:
  void render_origin(std::span<const kifa_attr> all) {
    origin_.clear();
    if (const kifa_attr* const pipeline = find(all, kPipelineKey); pipeline != nullptr) {
      origin_.append(",\"pipeline\":");
      json::append_value(origin_, sdk::text_of(pipeline->value));
    }
    origin_.append(",\"source\":");
    if (const kifa_attr* const source = find(all, kSourceKey); source != nullptr) {
      json::append_value(origin_, sdk::text_of(source->value));
    } else {
      origin_.append("null");
    }
  }

  void render_others(std::span<const kifa_attr> all) {
    others_.clear();
    const std::size_t origin_count = (find(all, kPipelineKey) != nullptr ? 1U : 0U) +
                                     (find(all, kSourceKey) != nullptr ? 1U : 0U);
    if (all.size() == origin_count) {
      return;
    }
    const bool as_object = keys_can_be_members(all);
    others_.append(as_object ? ",\"attributes\":{" : ",\"attributes\":[");
    bool is_first = true;
    for (const kifa_attr& attr : all) {
      if (is_origin(attr) && &attr == find(all, sdk::text_of(attr.key))) {
        continue;
      }
      others_.append(is_first ? "" : ",");
      is_first = false;
      others_.append(as_object ? "" : "[");
      json::append_value(others_, sdk::text_of(attr.key));
      others_.append(as_object ? ":" : ",");
      json::append_value(others_, sdk::text_of(attr.value));
      others_.append(as_object ? "" : "]");
    }
    others_.append(as_object ? "}" : "]");
  }

  // Members of an object must not repeat: parsers keep one of them and say nothing.
  static bool keys_can_be_members(std::span<const kifa_attr> all) {
    for (const kifa_attr& attr : all) {
      const std::string_view key = sdk::text_of(attr.key);
      if (&attr != find(all, key) || !utf8::is_valid(sdk::bytes_of(key))) {
        return false;
      }
    }
    return true;
  }

  bool is_valid_ = false;
  const kifa_attr* attrs_ = nullptr;
  std::uint32_t count_ = 0;
  OutputBuffer origin_;  // ,"pipeline":"till-1","source":"app"
  OutputBuffer others_;  // ,"attributes":{...} or nothing
};

class Json final : public sdk::Formatter {
 public:
  using Formatter::Formatter;

  sdk::Status format(const sdk::Records& records, sdk::Writer out) override {
    buffer_.clear();
    attributes_.forget();
    for (const kifa_record& record : records) {
      attributes_.render(record);
      write_head(record);
      buffer_.append(attributes_.origin());
      const sdk::Bytes payload = sdk::bytes_of(record.payload);
      kifa_status status =
          utf8::is_valid(payload) ? write_text(payload, out) : write_binary(payload, out);
      if (status == KIFA_OK) {
        buffer_.append(attributes_.others());
        write_flags(record.flags);
        buffer_.append("}\n");
        status = hand_over_if_large(out);
      }
      if (status != KIFA_OK) {
        return status;
      }
    }
    return hand_over(out);
  }

 private:
  void write_head(const kifa_record& record) {
    char* at = buffer_.room(kHeadBytesMax);
    at = write(at, "{\"lsn\":");
    at = record.lsn != 0 ? write_number(at, record.lsn) : write(at, "null");
    const UnixTime time = UnixTime::from_ns(record.observed_unix_ns);
    at = write(at, ",\"timestamp\":\"");
    at = second_.write(at, time.seconds, 'T');
    *at++ = '.';
    const char* const nanoseconds = at;
    at = kifa::plugins::write_nanoseconds(at, time.nanoseconds);
    at = write(at, "Z\",\"timestamp_ms\":");
    if (time.seconds <= 0) {  // the digits of a negative number are not those of its seconds
      at = write_number(at, time.seconds * 1'000 + time.nanoseconds / 1'000'000);
      at = write(at, ",\"timestamp_ns\":");
      at = write_number(at, record.observed_unix_ns);
    } else {
      char* const seconds = at;
      at = write_number(at, time.seconds);
      const auto digits = static_cast<std::size_t>(at - seconds);
      std::memcpy(at, nanoseconds, 3);
      at = write(at + 3, ",\"timestamp_ns\":");
      std::memcpy(at, seconds, digits);
      std::memcpy(at + digits, nanoseconds, 9);
      at += digits + 9;
    }
    buffer_.advance_to(at);
  }

  kifa_status write_text(sdk::Bytes payload, sdk::Writer out) {
    buffer_.append(",\"data\":\"");
    const std::uint8_t* at = payload.data();
    const std::uint8_t* const end = at + payload.size();
    while (at < end) {
      const std::size_t slice = std::min(kSliceBytes, static_cast<std::size_t>(end - at));
      char* const begin = buffer_.room(slice * json::kEscapedBytesMax + json::kEscapeSlackBytes);
      buffer_.advance_to(json::escape(at, at + slice, end, begin));
      if (const kifa_status status = hand_over_if_large(out); status != KIFA_OK) {
        return status;
      }
    }
    buffer_.append("\"");
    return KIFA_OK;
  }

  kifa_status write_binary(sdk::Bytes payload, sdk::Writer out) {
    buffer_.append(",\"data_base64\":\"");
    constexpr std::size_t kWholeGroups = kSliceBytes / 3 * 3;
    while (!payload.empty()) {
      const sdk::Bytes slice = payload.first(std::min(kWholeGroups, payload.size()));
      char* const begin = buffer_.room(json::base64_size(slice.size()));
      buffer_.advance_to(json::base64(slice, begin));
      payload = payload.subspan(slice.size());
      if (const kifa_status status = hand_over_if_large(out); status != KIFA_OK) {
        return status;
      }
    }
    buffer_.append("\"");
    return KIFA_OK;
  }

  void write_flags(std::uint32_t flags) {
    if (flags == 0) {
      return;
    }
    buffer_.append(",\"flags\":[");
    std::string_view separator = "\"";
    for (const FlagName& known : kFlagNames) {
      if ((flags & known.flag) != 0) {
        buffer_.append(separator);
        buffer_.append(known.name);
        separator = "\",\"";
        flags &= ~known.flag;
      }
    }
    if (flags != 0) {  // of a newer kifa: the number, so that nothing is hidden
      char* at = write(buffer_.room(48), separator);
      at = write_number(write(at, "unknown:"), flags);
      buffer_.advance_to(at);
    }
    buffer_.append("\"]");
  }

  kifa_status hand_over_if_large(sdk::Writer out) {
    return buffer_.size() >= kGatherBytes ? hand_over(out) : KIFA_OK;
  }

  kifa_status hand_over(sdk::Writer out) {
    const kifa_status status = buffer_.size() > 0 ? out.append(buffer_.view()) : KIFA_OK;
    buffer_.clear();
    return status;
  }

  OutputBuffer buffer_;
  AttributeText attributes_;
  SecondText second_;
};

constexpr kifa_component kComponents[] = {
    sdk::formatter<Json>("json", "One object a line with every byte kept, for programs.")};

constexpr kifa_plugin kPlugin =
    sdk::plugin({"org.kifa.formatter.json", "0.1.0", "kifa", "", "MIT OR Apache-2.0"}, kComponents);

}  // namespace

KIFA_PLUGIN(kPlugin);
