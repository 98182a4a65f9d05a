// Formatter `text`: one line a record, for people.
//
//   [1] 2026-01-31 18:30:00.123 UTC {"txn":"TXN-001","amount":5000,"status":"completed"}
//
// The number is the record's LSN; a record that is not stored yet has none, and no brackets. The
// time is when kifa saw it, cut to milliseconds. A record is always one line and cannot pretend to
// be two: see escape.hpp. `raw: true` writes the payload as it came, `prefix: false` leaves out
// number and time; both together give back the lines that were read.

#include <kifa/sdk.hpp>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "plugins/formatters/shared/output_buffer.hpp"
#include "plugins/formatters/shared/time_text.hpp"
#include "plugins/formatters/text/escape.hpp"

namespace {

namespace sdk = kifa::sdk;
using kifa::plugins::OutputBuffer;
using kifa::plugins::SecondText;
using kifa::plugins::UnixTime;

constexpr std::size_t kGatherBytes = std::size_t{256} << 10U;  // handed over when there are more
constexpr std::size_t kSliceBytes = std::size_t{16} << 10U;    // of payload, escaped at once
constexpr std::size_t kPrefixBytesMax = 64;

class Text final : public sdk::Formatter {
 public:
  using Formatter::Formatter;

  sdk::Status configure(const sdk::Settings& settings) override {
    raw_ = settings.boolean("raw");
    prefix_ = settings.boolean("prefix");
    return {};
  }

  sdk::Status format(const sdk::Records& records, sdk::Writer out) override {
    buffer_.clear();
    for (const kifa_record& record : records) {
      if (prefix_) {
        write_prefix(record);
      }
      kifa_status status = raw_ ? write_raw(record, out) : write_escaped(record, out);
      buffer_.append("\n");
      if (status == KIFA_OK && buffer_.size() >= kGatherBytes) {
        status = hand_over(out);
      }
      if (status != KIFA_OK) {
        return status;
      }
    }
    return hand_over(out);
  }

 private:
  void write_prefix(const kifa_record& record) {
    char* at = buffer_.room(kPrefixBytesMax);
    if (record.lsn != 0) {
      *at++ = '[';
      at = std::to_chars(at, at + 20, record.lsn).ptr;
      *at++ = ']';
      *at++ = ' ';
    }
    const UnixTime time = UnixTime::from_ns(record.observed_unix_ns);
    at = second_.write(at, time.seconds, ' ');
    *at++ = '.';
    at = kifa::plugins::write_digits(at, time.nanoseconds / 1'000'000, 3);
    constexpr std::string_view kZone = " UTC ";
    at = std::copy(kZone.begin(), kZone.end(), at);
    buffer_.advance_to(at);
  }

  kifa_status write_raw(const kifa_record& record, sdk::Writer out) {
    const std::string_view payload = sdk::text_of(record.payload);
    if (buffer_.size() + payload.size() < kGatherBytes) {
      buffer_.append(payload);
      return KIFA_OK;
    }
    const kifa_status status = hand_over(out);
    return status == KIFA_OK ? out.append(payload) : status;
  }

  kifa_status write_escaped(const kifa_record& record, sdk::Writer out) {
    const std::uint8_t* at = record.payload.data;
    const std::uint8_t* const end = at + record.payload.size;
    while (at < end) {
      const std::uint8_t* const until =
          at + std::min(kSliceBytes, static_cast<std::size_t>(end - at));
      using kifa::plugins::text::kEscapedBytesMax;
      using kifa::plugins::text::kEscapeSlackBytes;
      const auto slice = static_cast<std::size_t>(until - at);
      char* const begin = buffer_.room(slice * kEscapedBytesMax + kEscapeSlackBytes);
      buffer_.advance_to(kifa::plugins::text::escape(at, until, end, begin));
      if (buffer_.size() >= kGatherBytes) {
        if (const kifa_status status = hand_over(out); status != KIFA_OK) {
          return status;
        }
      }
    }
    return KIFA_OK;
  }

  kifa_status hand_over(sdk::Writer out) {
    const kifa_status status = buffer_.size() > 0 ? out.append(buffer_.view()) : KIFA_OK;
    buffer_.clear();
    return status;
  }

  bool raw_ = false;
  bool prefix_ = true;
  OutputBuffer buffer_;
  SecondText second_;
};

constexpr auto kOptions =
    sdk::options(sdk::option::boolean(
                     "raw", "Writes payloads as they came, line breaks and control bytes included.")
                     .by_default("false"),
                 sdk::option::boolean("prefix", "Writes number and time before the payload.")
                     .by_default("true"));

constexpr kifa_component kComponents[] = {
    sdk::formatter<Text>("text", "One line a record, for people.", kOptions)};

constexpr kifa_plugin kPlugin =
    sdk::plugin({"org.kifa.formatter.text", "0.1.0", "kifa", "", "MIT OR Apache-2.0"}, kComponents);

}  // namespace

KIFA_PLUGIN(kPlugin);
