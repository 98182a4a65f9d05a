// Formatter `text`: one line a record, for people.
//
//   [1] 2026-01-31 18:30:00.123 UTC {"txn":"TXN-001","amount":5000,"status":"completed"}
//
// The number is the record's LSN; a record that is not stored yet has none, and no brackets. The
// time is when kifa saw it, cut to milliseconds. A record is always one line and cannot pretend to
// be two: see visible_text.hpp. `template` says what else stands in a line: see layout.hpp.
//
// A program gets every byte back in two ways. With `exact: true` backslashes are doubled: undo \\,
// \n, \r, \t, \xNN and \uNNNN (in UTF-8). With `raw: true` payloads are as they came, and the
// template has to say where one ends: `template: "{size}:{data},"` with `end: ""` is a netstring.
// `raw: true` with `prefix: false` gives back the lines that were read.

#include <kifa/sdk.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/formatters/shared/output_buffer.hpp"
#include "plugins/formatters/shared/record_text.hpp"
#include "plugins/formatters/shared/time_text.hpp"
#include "plugins/formatters/shared/visible_text.hpp"
#include "plugins/formatters/text/layout.hpp"

namespace {

namespace sdk = kifa::sdk;
namespace text = kifa::plugins::text;
namespace visible = kifa::plugins::visible;
using kifa::plugins::attribute_text;
using kifa::plugins::kGatherBytes;
using kifa::plugins::kSliceBytes;
using kifa::plugins::OutputBuffer;
using kifa::plugins::SecondText;
using kifa::plugins::UnixTime;
using kifa::plugins::write;
using kifa::plugins::write_number;
using text::Field;

constexpr std::size_t kFieldBytesMax = 64;  // of one that is made of numbers

class Text final : public sdk::Formatter {
 public:
  using Formatter::Formatter;

  sdk::Status configure(const sdk::Settings& settings) override {
    raw_ = settings.boolean("raw");
    exact_ = settings.boolean("exact");
    end_ = text::unescaped(settings.text("end"), "end");
    if (raw_ && exact_) {
      return sdk::Status::invalid("raw and exact exclude each other: leave one of them out");
    }
    if (settings.has("template")) {
      if (settings.is_explicit("prefix")) {
        return sdk::Status::invalid(
            "the template says all that stands before a payload: leave prefix out");
      }
      parts_ = text::parse_template(settings.text("template"));
      return {};
    }
    parts_.clear();
    if (settings.boolean("prefix")) {
      parts_.push_back({Field::prefix, {}});
    }
    parts_.push_back({Field::data, {}});
    return {};
  }

  sdk::Status format(const sdk::Records& records, sdk::Writer out) override {
    buffer_.clear();
    for (const kifa_record& record : records) {
      for (const text::Part& part : parts_) {
        if (const kifa_status status = write_part(part, record, out); status != KIFA_OK) {
          return status;
        }
      }
      buffer_.append(end_);
      if (const kifa_status status = buffer_.hand_over_if_large(out); status != KIFA_OK) {
        return status;
      }
    }
    return buffer_.hand_over(out);
  }

 private:
  kifa_status write_part(const text::Part& part, const kifa_record& record, sdk::Writer out) {
    switch (part.field) {
      case Field::literal:
        buffer_.append(part.text);
        return KIFA_OK;
      case Field::data:
        return raw_ ? write_raw(record, out) : write_escaped(sdk::bytes_of(record.payload), out);
      case Field::pipeline:
        return write_escaped_text(attribute_text(record, kifa::plugins::kPipelineKey), out);
      case Field::source:
        return write_escaped_text(attribute_text(record, kifa::plugins::kSourceKey), out);
      case Field::attribute:
        return write_escaped_text(attribute_text(record, part.text), out);
      case Field::attributes:
        return write_attributes(record, out);
      case Field::flags:
        kifa::plugins::append_flags(buffer_, record.flags, " ");
        return KIFA_OK;
      default:
        buffer_.advance_to(write_numbers(part.field, record, buffer_.room(kFieldBytesMax)));
        return KIFA_OK;
    }
  }

  char* write_numbers(Field field, const kifa_record& record, char* at) {
    const UnixTime time = UnixTime::from_ns(record.observed_unix_ns);
    switch (field) {
      case Field::prefix:
        if (record.lsn != 0) {
          *at++ = '[';
          at = write_number(at, record.lsn);
          at = write(at, "] ");
        }
        at = write_time(at, time);
        *at++ = ' ';
        return at;
      case Field::lsn:
        return record.lsn != 0 ? write_number(at, record.lsn) : write(at, "-");
      case Field::time:
        return write_time(at, time);
      case Field::timestamp:
        return second_.write_timestamp(at, time);
      case Field::timestamp_ms:
        return write_number(at, time.milliseconds());
      case Field::timestamp_ns:
        return write_number(at, record.observed_unix_ns);
      default:
        return write_number(at, record.payload.size);
    }
  }

  char* write_time(char* at, UnixTime time) {
    at = second_.write(at, time.seconds, ' ');
    *at++ = '.';
    at = kifa::plugins::write_digits(at, time.nanoseconds / 1'000'000, 3);
    return write(at, " UTC");
  }

  kifa_status write_raw(const kifa_record& record, sdk::Writer out) {
    const std::string_view payload = sdk::text_of(record.payload);
    if (buffer_.size() + payload.size() < kGatherBytes) {
      buffer_.append(payload);
      return KIFA_OK;
    }
    const kifa_status status = buffer_.hand_over(out);
    return status == KIFA_OK ? out.append(payload) : status;
  }

  kifa_status write_escaped_text(std::string_view value, sdk::Writer out) {
    return write_escaped(sdk::bytes_of(value), out);
  }

  kifa_status write_escaped(sdk::Bytes bytes, sdk::Writer out) {
    const std::uint8_t* at = bytes.data();
    const std::uint8_t* const end = at + bytes.size();
    while (at < end) {
      const std::size_t slice = std::min(kSliceBytes, static_cast<std::size_t>(end - at));
      const std::uint8_t* const until = at + slice;
      char* const begin =
          buffer_.room(slice * visible::kEscapedBytesMax + visible::kEscapeSlackBytes);
      buffer_.advance_to(
          exact_ ? visible::escape<visible::Backslash::doubled>(at, until, end, begin)
                 : visible::escape<visible::Backslash::as_it_is>(at, until, end, begin));
      if (const kifa_status status = buffer_.hand_over_if_large(out); status != KIFA_OK) {
        return status;
      }
    }
    return KIFA_OK;
  }

  kifa_status write_attributes(const kifa_record& record, sdk::Writer out) {
    std::string_view separator;
    for (const kifa_attr& attr : kifa::plugins::attributes_of(record)) {
      if (kifa::plugins::is_origin(record, attr)) {
        continue;
      }
      buffer_.append(separator);
      separator = " ";
      kifa_status status = write_escaped_text(sdk::text_of(attr.key), out);
      buffer_.append("=");
      status = status == KIFA_OK ? write_escaped_text(sdk::text_of(attr.value), out) : status;
      if (status != KIFA_OK) {
        return status;
      }
    }
    return KIFA_OK;
  }

  bool raw_ = false;
  bool exact_ = false;
  std::string end_;
  std::vector<text::Part> parts_;
  OutputBuffer buffer_;
  SecondText second_;
};

constexpr auto kOptions = sdk::options(
    sdk::option::boolean("raw",
                         "Writes payloads as they came, line breaks and control bytes included.")
        .by_default("false"),
    sdk::option::boolean("exact",
                         "Doubles backslashes too, so that every byte of a payload can be read "
                         "back.")
        .by_default("false"),
    sdk::option::boolean("prefix", "Writes number and time before the payload.").by_default("true"),
    sdk::option::text("template",
                      "What a line is, instead: text with {lsn}, {time}, {timestamp}, "
                      "{timestamp_ms}, {timestamp_ns}, {pipeline}, {source}, {attr.KEY}, "
                      "{attributes}, {flags}, {size} and {data}; {{ and }} are braces."),
    sdk::option::text("end", "Ends a record; \\n, \\r, \\t, \\0 and \\xNN stand for bytes.")
        .by_default("\\n"));

constexpr kifa_component kComponents[] = {
    sdk::formatter<Text>("text", "One line a record, for people.", kOptions)};

constexpr kifa_plugin kPlugin =
    sdk::plugin({"org.kifa.formatter.text", "0.1.0", "kifa", "", "MIT OR Apache-2.0"}, kComponents);

}  // namespace

KIFA_PLUGIN(kPlugin);
