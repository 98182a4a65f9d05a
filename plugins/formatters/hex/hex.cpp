// Formatter `hex`: every byte in hexadecimal digits, for tools and for looking closely.
//
//   0000000000000001 188fe44d81ef5d15 7b2274786e223a2254584e2d303031227d
//
// One line a record, three fields with a space between them: LSN (0: not stored yet) and time in
// nanoseconds since 1970 (two's complement before that) with 16 digits each, and the payload, which
// may be empty. `layout: dump` is for people:
//
//   [1] 2026-01-31 18:30:00.123456789 UTC, 17 bytes
//   00000000  7b 22 74 78 6e 22 3a 22  54 58 4e 2d 30 30 31 22  |{"txn":"TXN-001"|
//   00000010  7d                                                |}|
//   00000011

#include <kifa/sdk.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "plugins/formatters/hex/dump.hpp"
#include "plugins/formatters/shared/hex_text.hpp"
#include "plugins/formatters/shared/output_buffer.hpp"
#include "plugins/formatters/shared/record_text.hpp"
#include "plugins/formatters/shared/time_text.hpp"

namespace {

namespace sdk = kifa::sdk;
namespace hex = kifa::plugins::hex;
using kifa::plugins::kSliceBytes;
using kifa::plugins::OutputBuffer;
using kifa::plugins::SecondText;
using kifa::plugins::UnixTime;
using kifa::plugins::write;
using kifa::plugins::write_number;

constexpr std::size_t kHeadBytesMax = 112;

class Hex final : public sdk::Formatter {
 public:
  using Formatter::Formatter;

  sdk::Status configure(const sdk::Settings& settings) override {
    is_dump_ = settings.text("layout") == "dump";
    return {};
  }

  sdk::Status format(const sdk::Records& records, sdk::Writer out) override {
    buffer_.clear();
    for (const kifa_record& record : records) {
      kifa_status status = is_dump_ ? write_dump(record, out) : write_line(record, out);
      if (status == KIFA_OK) {
        status = buffer_.hand_over_if_large(out);
      }
      if (status != KIFA_OK) {
        return status;
      }
    }
    return buffer_.hand_over(out);
  }

 private:
  kifa_status write_line(const kifa_record& record, sdk::Writer out) {
    char* at = buffer_.room(kHeadBytesMax);
    at = kifa::plugins::write_hex_number(at, record.lsn);
    *at++ = ' ';
    at = kifa::plugins::write_hex_number(at, static_cast<std::uint64_t>(record.observed_unix_ns));
    *at++ = ' ';
    buffer_.advance_to(at);
    sdk::Bytes rest = sdk::bytes_of(record.payload);
    while (!rest.empty()) {
      const sdk::Bytes slice = rest.first(std::min(kSliceBytes, rest.size()));
      char* const begin = buffer_.room(2 * slice.size());
      buffer_.advance_to(
          kifa::plugins::write_hex(slice.data(), slice.data() + slice.size(), begin));
      rest = rest.subspan(slice.size());
      if (const kifa_status status = buffer_.hand_over_if_large(out); status != KIFA_OK) {
        return status;
      }
    }
    buffer_.append("\n");
    return KIFA_OK;
  }

  kifa_status write_dump(const kifa_record& record, sdk::Writer out) {
    write_dump_head(record);
    const sdk::Bytes payload = sdk::bytes_of(record.payload);
    for (std::size_t offset = 0; offset < payload.size(); offset += hex::kDumpBytes) {
      const std::uint8_t* const begin = payload.data() + offset;
      const std::size_t count = std::min(hex::kDumpBytes, payload.size() - offset);
      char* const at = buffer_.room(hex::kDumpLineBytesMax);
      buffer_.advance_to(hex::write_dump_line(begin, begin + count, offset, at));
      if (const kifa_status status = buffer_.hand_over_if_large(out); status != KIFA_OK) {
        return status;
      }
    }
    if (!payload.empty()) {  // as hexdump ends: where the next byte would stand
      char* const at = buffer_.room(kHeadBytesMax);
      buffer_.advance_to(write(hex::write_offset(at, payload.size()), "\n"));
    }
    return KIFA_OK;
  }

  void write_dump_head(const kifa_record& record) {
    char* at = buffer_.room(kHeadBytesMax);
    if (record.lsn != 0) {
      *at++ = '[';
      at = write_number(at, record.lsn);
      at = write(at, "] ");
    }
    const UnixTime time = UnixTime::from_ns(record.observed_unix_ns);
    at = second_.write(at, time.seconds, ' ');
    *at++ = '.';
    at = kifa::plugins::write_nanoseconds(at, time.nanoseconds);
    at = write(at, " UTC, ");
    at = write_number(at, record.payload.size);
    at = write(at, record.payload.size == 1 ? " byte\n" : " bytes\n");
    buffer_.advance_to(at);
  }

  bool is_dump_ = false;
  OutputBuffer buffer_;
  SecondText second_;
};

constexpr auto kOptions = sdk::options(
    sdk::option::choice("layout",
                        "One line a record with LSN, time and payload, or a dump as hexdump -C "
                        "prints it, with a line before it.",
                        "line|dump")
        .by_default("line"));

constexpr kifa_component kComponents[] = {sdk::formatter<Hex>(
    "hex", "LSN, time and payload in hexadecimal digits, or a dump.", kOptions)};

constexpr kifa_plugin kPlugin =
    sdk::plugin({"org.kifa.formatter.hex", "0.1.0", "kifa", "", "MIT OR Apache-2.0"}, kComponents);

}  // namespace

KIFA_PLUGIN(kPlugin);
