// Framing `delimiter`: records end with a byte string of your own.
//
// The delimiter is text, or bytes in hexadecimal behind `hex:` ("hex:1D 56 00"). It is not part of
// the record unless keep. Empty records are records unless skip_empty. What follows the last
// delimiter becomes a record flagged partial when the stream ends; the end of a datagram ends its
// last record. Where the bytes were cut into chunks does not matter: a delimiter may come in
// pieces.
//
// Of a record longer than record_bytes_max the host uses up the head, and leaves more bytes of it
// than a delimiter has: none is cut in two by that.

#include <kifa/sdk.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/framings/shared/byte_text.hpp"

namespace {

namespace sdk = kifa::sdk;

constexpr std::size_t kDelimiterBytesMax = 256;

class Delimiter final : public sdk::Framing {
 public:
  using Framing::Framing;

  sdk::Status configure(const sdk::Settings& settings) override {
    const std::string_view text = settings.text("delimiter");
    const auto bytes = kifa::plugins::bytes_from_option(text);
    if (!bytes) {
      return sdk::Status::invalid("delimiter \"" + std::string(text) +
                                  "\" is not pairs of hexadecimal digits, as in \"hex:0D 0A\"");
    }
    delimiter_ = *bytes;
    if (delimiter_.empty() || delimiter_.size() > kDelimiterBytesMax) {
      return sdk::Status::invalid("delimiter has " + std::to_string(delimiter_.size()) +
                                  " bytes; 1 to " + std::to_string(kDelimiterBytesMax) +
                                  " are possible");
    }
    keep_ = settings.boolean("keep");
    skip_empty_ = settings.boolean("skip_empty");
    return {};
  }

  class Stream final {
   public:
    Stream(Delimiter& options, const kifa_stream& stream)
        : options_(options),
          flags_at_end_((stream.flags & KIFA_STREAM_DATAGRAM) != 0 ? 0U : kPartial) {}

    sdk::Status feed(sdk::View view, sdk::FramingOut out) {
      const std::uint8_t* const data = view.bytes.data();
      const std::size_t size = view.bytes.size();
      const std::size_t length = options_.delimiter_.size();
      std::size_t used = 0;
      bool in_tail = view.tail;
      // A delimiter may have begun in what was seen before, with all but its last byte.
      for (std::size_t from = view.fresh - std::min(view.fresh, length - 1); from < size;) {
        const void* const found =
            ::memmem(data + from, size - from, options_.delimiter_.data(), length);
        if (found == nullptr) {
          break;
        }
        const auto at = static_cast<std::size_t>(static_cast<const std::uint8_t*>(found) - data);
        const std::size_t end = at + length;
        if (options_.skip_empty_ && at == used && !in_tail) {
          out.skip(end, KIFA_GAP_DELIMITER);
        } else {
          out.record(view.bytes.subspan(used, (options_.keep_ ? end : at) - used), end);
        }
        used = from = end;
        in_tail = false;
      }
      if (view.end && used < size) {
        out.record(view.bytes.subspan(used), size, flags_at_end_);
      }
      return {};
    }

   private:
    static constexpr std::uint32_t kPartial = KIFA_RECORD_PARTIAL;

    const Delimiter& options_;
    const std::uint32_t flags_at_end_;
  };

 private:
  std::vector<std::uint8_t> delimiter_;
  bool keep_ = false;
  bool skip_empty_ = false;
};

constexpr auto kOptions = sdk::options(
    sdk::option::text(
        "delimiter",
        "Ends a record: text, or bytes in hexadecimal behind `hex:`, as in \"hex:1D 56\".")
        .required(),
    sdk::option::boolean("keep", "The delimiter is the end of its record, not dropped.")
        .by_default("false"),
    sdk::option::boolean("skip_empty", "Makes no records of nothing but a delimiter.")
        .by_default("false"));

constexpr kifa_component kComponents[] = {
    sdk::framing<Delimiter>("delimiter", "Records end with a byte string of your own.", kOptions)};

constexpr kifa_plugin kPlugin = sdk::plugin(
    {"org.kifa.framing.delimiter", "0.1.0", "kifa", "", "MIT OR Apache-2.0"}, kComponents);

}  // namespace

KIFA_PLUGIN(kPlugin);
