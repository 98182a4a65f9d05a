// Framing `length_prefixed`: each record says in front how long it is.
//
// A header is `offset` bytes, the length, and `trailer` bytes; the payload follows. The length is a
// binary number of `width` bytes, so many decimal digits, so many bytes of packed BCD, or a varint
// (LEB128, 7 bits a byte, the lowest first). It counts the payload, or with counts_header the
// header as well. The header is not part of the record unless keep_header.
//
// A header that cannot be one (no digits, more than length_max, less than itself) is not believed:
// one byte is skipped and counted as malformed, and the next one may begin a header. What is
// unfinished when the stream or a datagram ends is a record flagged partial. Where the bytes were
// cut into chunks does not matter.
//
// Of a record longer than record_bytes_max the host uses up the head; its end is known all the
// same, and the header in front of it is skipped first.

#include <kifa/sdk.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace {

namespace sdk = kifa::sdk;

constexpr std::size_t kVarintBytesMax = 10;  // of 64 bits

enum class Encoding : std::uint8_t { big, little, digits, bcd, varint };

Encoding encoding_from(std::string_view text) {
  if (text == "little") {
    return Encoding::little;
  }
  if (text == "digits") {
    return Encoding::digits;
  }
  if (text == "bcd") {
    return Encoding::bcd;
  }
  return text == "varint" ? Encoding::varint : Encoding::big;
}

// What stands at the front of a view.
struct Header {
  enum class Found : std::uint8_t { whole, begun, none };
  Found found = Found::begun;
  std::size_t bytes = 0;           // of the whole header
  std::uint64_t record_bytes = 0;  // of header and payload
};

class LengthPrefixed final : public sdk::Framing {
 public:
  using Framing::Framing;

  sdk::Status configure(const sdk::Settings& settings) override {
    encoding_ = encoding_from(settings.text("encoding"));
    width_ = static_cast<std::size_t>(settings.integer("width"));
    offset_ = static_cast<std::size_t>(settings.size_bytes("offset"));
    trailer_ = static_cast<std::size_t>(settings.size_bytes("trailer"));
    counts_header_ = settings.boolean("counts_header");
    keep_header_ = settings.boolean("keep_header");
    length_max_ = settings.size_bytes("length_max");
    const bool is_binary = encoding_ == Encoding::big || encoding_ == Encoding::little;
    if (is_binary && width_ != 1 && width_ != 2 && width_ != 4 && width_ != 8) {
      return sdk::Status::invalid("a binary length has a width of 1, 2, 4 or 8 bytes, not " +
                                  std::to_string(width_));
    }
    return {};
  }

  class Stream final {
   public:
    Stream(LengthPrefixed& options, const kifa_stream& /*stream*/) : options_(options) {}

    sdk::Status feed(sdk::View view, sdk::FramingOut out) {
      const std::size_t size = view.bytes.size();
      came_ += size - view.fresh;
      std::size_t used = 0;
      bool in_tail = view.tail;
      while (used < size || in_tail) {
        if (record_bytes_ == 0) {
          const Header header = options_.header_at(view.bytes.subspan(used));
          if (header.found == Header::Found::begun) {
            break;
          }
          if (header.found == Header::Found::none) {
            used = skip_to_header(view, used, out);
            continue;
          }
          header_bytes_ = header.bytes;
          record_bytes_ = header.record_bytes;
        }
        if (came_ < record_bytes_) {
          if (!in_tail && !options_.keep_header_ && is_oversize()) {
            used = skip_header(used, out);
          }
          break;
        }
        came_ -= record_bytes_;
        const std::size_t end = size - static_cast<std::size_t>(came_);
        record(view.bytes.subspan(used, end - used), end, in_tail, out, 0);
        used = end;
        in_tail = false;
      }
      if (view.end) {
        if (used < size || in_tail) {
          const bool has_header = record_bytes_ != 0;
          record(view.bytes.subspan(used), size, in_tail || !has_header, out, KIFA_RECORD_PARTIAL);
        }
        came_ = 0;
        record_bytes_ = 0;
      }
      return {};
    }

   private:
    // Bytes that begin no header go in one piece.
    std::size_t skip_to_header(sdk::View view, std::size_t used, sdk::FramingOut out) {
      std::size_t to = used;
      do {
        ++to;
        --came_;
      } while (to < view.bytes.size() &&
               options_.header_at(view.bytes.subspan(to)).found == Header::Found::none);
      out.skip(to, KIFA_GAP_MALFORMED);
      return to;
    }

    [[nodiscard]] bool is_oversize() const {
      return record_bytes_ - header_bytes_ > options_.host().record_bytes_max();
    }

    // The host cuts the head of an oversize record off: the header must not be part of it.
    std::size_t skip_header(std::size_t used, sdk::FramingOut out) {
      out.skip(used + header_bytes_, KIFA_GAP_DELIMITER);
      used += header_bytes_;
      record_bytes_ -= header_bytes_;
      came_ -= header_bytes_;
      header_bytes_ = 0;
      return used;
    }

    void record(sdk::Bytes bytes, std::size_t used, bool is_whole, sdk::FramingOut out,
                std::uint32_t flags) {
      if (!is_whole && !options_.keep_header_) {
        bytes = bytes.subspan(header_bytes_);
      }
      out.record(bytes, used, flags);
      record_bytes_ = 0;
    }

    const LengthPrefixed& options_;
    std::uint64_t came_ = 0;          // bytes of the unfinished record, those used up included
    std::uint64_t record_bytes_ = 0;  // of it, with its header; 0: not known yet
    std::size_t header_bytes_ = 0;    // that are still in front of its payload
  };

 private:
  [[nodiscard]] Header header_at(sdk::Bytes bytes) const {
    Header header;
    std::uint64_t length = 0;
    std::size_t width = width_;
    bool is_number = true;
    if (encoding_ == Encoding::varint) {
      width = 0;
      for (bool more = true; more; ++width) {
        if (offset_ + width >= bytes.size()) {
          return header;
        }
        const std::uint8_t byte = bytes[offset_ + width];
        // The tenth byte holds the last bit of 64.
        is_number = is_number && (width + 1 < kVarintBytesMax || byte <= 1);
        more = (byte & 0x80U) != 0 && is_number;
        length |= std::uint64_t{byte & 0x7FU} << (7 * width);
      }
    } else {
      if (bytes.size() < offset_ + width) {
        return header;
      }
      is_number = read_number(bytes.subspan(offset_, width), length);
    }
    header.bytes = offset_ + width + trailer_;
    const std::uint64_t least = counts_header_ ? header.bytes : 0;
    if (!is_number || length > length_max_ || length < least) {
      header.found = Header::Found::none;
      return header;
    }
    header.record_bytes = counts_header_ ? length : length + header.bytes;
    header.found = bytes.size() < header.bytes ? Header::Found::begun : Header::Found::whole;
    return header;
  }

  // False: these bytes are no number.
  [[nodiscard]] bool read_number(sdk::Bytes bytes, std::uint64_t& number) const {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      const std::uint8_t byte = bytes[encoding_ == Encoding::little ? bytes.size() - 1 - i : i];
      const std::uint8_t high = byte >> 4U;
      const std::uint8_t low = byte & 0x0FU;
      switch (encoding_) {
        case Encoding::digits:
          if (byte < '0' || byte > '9') {
            return false;
          }
          number = number * 10 + (byte - std::uint8_t{'0'});
          break;
        case Encoding::bcd:
          if (high > 9 || low > 9) {
            return false;
          }
          number = number * 100 + std::uint64_t{high} * 10 + low;
          break;
        default:
          number = number << 8U | byte;
          break;
      }
    }
    return true;
  }

  Encoding encoding_ = Encoding::big;
  std::size_t width_ = 0;
  std::size_t offset_ = 0;
  std::size_t trailer_ = 0;
  bool counts_header_ = false;
  bool keep_header_ = false;
  std::uint64_t length_max_ = 0;
};

constexpr auto kOptions = sdk::options(
    sdk::option::choice("encoding",
                        "How the length is written: binary with the highest or the lowest byte "
                        "first, decimal digits, packed BCD, or a varint.",
                        "big|little|digits|bcd|varint")
        .by_default("big"),
    sdk::option::integer("width",
                         "Bytes of the length; 1, 2, 4 or 8 when binary, not for a varint.")
        .unit("bytes")
        .by_default("2")
        .range(1, 9),
    sdk::option::size("offset", "Bytes before the length.").by_default("0").range(0, 1024),
    sdk::option::size("trailer", "Bytes of the header behind the length.")
        .by_default("0")
        .range(0, 1024),
    sdk::option::boolean("counts_header", "The length counts the header too.").by_default("false"),
    sdk::option::boolean("keep_header", "The header is part of the record.").by_default("false"),
    sdk::option::size("length_max", "A greater length is not believed: its bytes are no header.")
        .by_default("1MiB")
        .range(1, 16 << 20));

constexpr kifa_component kComponents[] = {sdk::framing<LengthPrefixed>(
    "length_prefixed", "Each record says in front how long it is.", kOptions)};

constexpr kifa_plugin kPlugin = sdk::plugin(
    {"org.kifa.framing.length_prefixed", "0.1.0", "kifa", "", "MIT OR Apache-2.0"}, kComponents);

}  // namespace

KIFA_PLUGIN(kPlugin);
