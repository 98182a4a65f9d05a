// Framing `newline`: every line is a record.
//
// A record is the bytes before a line feed. With strip_cr (the default) one carriage return before
// it goes too; with `strip_cr: false` every byte but the line feed is kept. Empty lines are records
// unless skip_empty. A last line without its end becomes a record flagged partial, with every byte
// it has; the end of a datagram ends its last line. Where the bytes were cut into chunks does not
// matter.
//
// Of a record longer than record_bytes_max the host uses up the head; this framing then only finds
// the end. (Should the cut fall exactly between CR and LF, the CR stays: it is in the head.)

#include <kifa/sdk.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace {

namespace sdk = kifa::sdk;

class Newline final : public sdk::Framing {
 public:
  using Framing::Framing;

  sdk::Status configure(const sdk::Settings& settings) override {
    strip_cr_ = settings.boolean("strip_cr");
    skip_empty_ = settings.boolean("skip_empty");
    return {};
  }

  class Stream final {
   public:
    Stream(Newline& options, const kifa_stream& stream)
        : options_(options),
          flags_at_end_((stream.flags & KIFA_STREAM_DATAGRAM) != 0 ? 0U : kPartial) {}

    sdk::Status feed(sdk::View view, sdk::FramingOut out) {
      const std::uint8_t* const data = view.bytes.data();
      const std::size_t size = view.bytes.size();
      std::size_t used = 0;
      bool in_tail = view.tail;
      for (std::size_t from = view.fresh; from < size;) {
        // Only bytes not seen before: a long line in small chunks is searched once, not again and
        // again. glibc's memchr does the rest at memory speed.
        const void* const found = std::memchr(data + from, '\n', size - from);
        if (found == nullptr) {
          break;
        }
        const auto line_feed =
            static_cast<std::size_t>(static_cast<const std::uint8_t*>(found) - data);
        line(out, view.bytes.subspan(used, line_feed - used), line_feed + 1, in_tail);
        used = from = line_feed + 1;
        in_tail = false;
      }
      if (view.end && used < size) {
        out.record(view.bytes.subspan(used), size, flags_at_end_);
      }
      return {};
    }

   private:
    static constexpr std::uint32_t kPartial = KIFA_RECORD_PARTIAL;

    void line(sdk::FramingOut out, sdk::Bytes bytes, std::size_t used, bool in_tail) const {
      if (options_.strip_cr_ && !bytes.empty() && bytes.back() == '\r') {
        bytes = bytes.first(bytes.size() - 1);
      }
      if (options_.skip_empty_ && bytes.empty() && !in_tail) {
        out.skip(used, KIFA_GAP_DELIMITER);
      } else {
        out.record(bytes, used);
      }
    }

    const Newline& options_;
    const std::uint32_t flags_at_end_;
  };

 private:
  bool strip_cr_ = true;
  bool skip_empty_ = false;
};

constexpr auto kOptions = sdk::options(
    sdk::option::boolean("strip_cr", "Drops one carriage return before the line feed.")
        .by_default("true"),
    sdk::option::boolean("skip_empty", "Makes no records of empty lines.").by_default("false"));

constexpr kifa_component kComponents[] = {
    sdk::framing<Newline>("newline", "Every line is a record.", kOptions)};

constexpr kifa_plugin kPlugin = sdk::plugin(
    {"org.kifa.framing.newline", "0.1.0", "kifa", "", "MIT OR Apache-2.0"}, kComponents);

}  // namespace

KIFA_PLUGIN(kPlugin);
