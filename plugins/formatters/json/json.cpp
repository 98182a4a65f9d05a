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
//
// With `embed: true` a payload that is itself a JSON object or array stands in `data` as that, so
// that a program need not parse twice: what is a string there is text, what is not was JSON. Its
// digits and the order of its members stay as they came; only white space that would end the line
// becomes a space.

#include <kifa/sdk.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "plugins/formatters/json/json_check.hpp"
#include "plugins/formatters/json/json_text.hpp"
#include "plugins/formatters/shared/base64.hpp"
#include "plugins/formatters/shared/output_buffer.hpp"
#include "plugins/formatters/shared/record_text.hpp"
#include "plugins/formatters/shared/time_text.hpp"
#include "plugins/formatters/shared/utf8.hpp"

namespace {

namespace sdk = kifa::sdk;
namespace json = kifa::plugins::json;
namespace utf8 = kifa::plugins::utf8;
using kifa::plugins::find_attribute;
using kifa::plugins::kPipelineKey;
using kifa::plugins::kSliceBytes;
using kifa::plugins::kSourceKey;
using kifa::plugins::OutputBuffer;
using kifa::plugins::SecondText;
using kifa::plugins::UnixTime;
using kifa::plugins::write;
using kifa::plugins::write_number;

constexpr std::size_t kHeadBytesMax = 192;  // up to the origin

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
    render_origin(kifa::plugins::attributes_of(record));
    render_others(record);
  }
  void forget() { is_valid_ = false; }

  [[nodiscard]] std::string_view origin() const { return origin_.view(); }
  [[nodiscard]] std::string_view others() const { return others_.view(); }

 private:
  void render_origin(std::span<const kifa_attr> all) {
    origin_.clear();
    if (const kifa_attr* const pipeline = find_attribute(all, kPipelineKey); pipeline != nullptr) {
      origin_.append(",\"pipeline\":");
      json::append_value(origin_, sdk::text_of(pipeline->value));
    }
    origin_.append(",\"source\":");
    if (const kifa_attr* const source = find_attribute(all, kSourceKey); source != nullptr) {
      json::append_value(origin_, sdk::text_of(source->value));
    } else {
      origin_.append("null");
    }
  }

  void render_others(const kifa_record& record) {
    const std::span<const kifa_attr> all = kifa::plugins::attributes_of(record);
    others_.clear();
    const std::size_t origin_count = (find_attribute(all, kPipelineKey) != nullptr ? 1U : 0U) +
                                     (find_attribute(all, kSourceKey) != nullptr ? 1U : 0U);
    if (all.size() == origin_count) {
      return;
    }
    const bool as_object = keys_can_be_members(all);
    others_.append(as_object ? ",\"attributes\":{" : ",\"attributes\":[");
    bool is_first = true;
    for (const kifa_attr& attr : all) {
      if (kifa::plugins::is_origin(record, attr)) {
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
      if (&attr != find_attribute(all, key) || !utf8::is_valid(sdk::bytes_of(key))) {
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

  sdk::Status configure(const sdk::Settings& settings) override {
    embed_ = settings.boolean("embed");
    return {};
  }

  sdk::Status format(const sdk::Records& records, sdk::Writer out) override {
    buffer_.clear();
    attributes_.forget();
    for (const kifa_record& record : records) {
      attributes_.render(record);
      write_head(record);
      buffer_.append(attributes_.origin());
      kifa_status status = write_payload(sdk::bytes_of(record.payload), out);
      if (status == KIFA_OK) {
        buffer_.append(attributes_.others());
        write_flags(record.flags);
        buffer_.append("}\n");
        status = buffer_.hand_over_if_large(out);
      }
      if (status != KIFA_OK) {
        return status;
      }
    }
    return buffer_.hand_over(out);
  }

 private:
  void write_head(const kifa_record& record) {
    char* at = buffer_.room(kHeadBytesMax);
    at = write(at, "{\"lsn\":");
    at = record.lsn != 0 ? write_number(at, record.lsn) : write(at, "null");
    const UnixTime time = UnixTime::from_ns(record.observed_unix_ns);
    at = write(at, ",\"timestamp\":\"");
    at = second_.write_timestamp(at, time);
    const char* const nanoseconds = at - 10;  // nine digits and Z
    at = write(at, "\",\"timestamp_ms\":");
    if (time.seconds <= 0) {  // the digits of a negative number are not those of its seconds
      at = write_number(at, time.milliseconds());
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

  kifa_status write_payload(sdk::Bytes payload, sdk::Writer out) {
    kifa_status status = KIFA_OK;
    if (!utf8::is_valid(payload)) {
      buffer_.append(",\"data_base64\":\"");
      status = kifa::plugins::write_base64(buffer_, payload, out);
    } else if (embed_ && json::Check(payload).is_container()) {
      buffer_.append(",\"data\":");
      return write_slices(payload, out, json::keep_on_one_line);
    } else {
      buffer_.append(",\"data\":\"");
      status = write_slices(payload, out, json::escape);
    }
    buffer_.append("\"");
    return status;
  }

  template <class Write>
  kifa_status write_slices(sdk::Bytes payload, sdk::Writer out, Write write_slice) {
    const std::uint8_t* at = payload.data();
    const std::uint8_t* const end = at + payload.size();
    while (at < end) {
      const std::size_t slice = std::min(kSliceBytes, static_cast<std::size_t>(end - at));
      char* const begin = buffer_.room(slice * json::kEscapedBytesMax + json::kEscapeSlackBytes);
      buffer_.advance_to(write_slice(at, at + slice, end, begin));
      if (const kifa_status status = buffer_.hand_over_if_large(out); status != KIFA_OK) {
        return status;
      }
    }
    return KIFA_OK;
  }

  void write_flags(std::uint32_t flags) {
    if (flags != 0) {
      buffer_.append(",\"flags\":[\"");
      kifa::plugins::append_flags(buffer_, flags, "\",\"");
      buffer_.append("\"]");
    }
  }

  bool embed_ = false;
  OutputBuffer buffer_;
  AttributeText attributes_;
  SecondText second_;
};

constexpr auto kOptions = sdk::options(
    sdk::option::boolean(
        "embed", "A payload that is a JSON object or array is one in `data` too, not a text.")
        .by_default("false"));

constexpr kifa_component kComponents[] = {sdk::formatter<Json>(
    "json", "One object a line with every byte kept, for programs.", kOptions)};

constexpr kifa_plugin kPlugin =
    sdk::plugin({"org.kifa.formatter.json", "0.1.0", "kifa", "", "MIT OR Apache-2.0"}, kComponents);

}  // namespace

KIFA_PLUGIN(kPlugin);
