// Framing `octet_counted`: syslog over a stream, RFC 6587.
//
// Each record says for itself how it is framed. One that begins with a digit 1 to 9 is counted: a
// decimal length, a space, and so many bytes. Every other one ends at a line feed, which is not
// part of it; with strip_cr one carriage return before it goes too. Empty lines are no records:
// some senders put a line feed behind a counted message.
//
// A digit that begins no length (no space behind the digits, more than length_max) is not believed.
// What follows is skipped and counted as malformed up to the next place where a record can begin:
// behind a line feed, or at a length whose message begins with `<` as those of syslog do. What is
// unfinished when the stream ends is a record flagged partial; the end of a datagram ends its last
// line. Where the bytes were cut into chunks does not matter.
//
// Of a record longer than record_bytes_max the host uses up the head; its end is known all the
// same.

#include <kifa/sdk.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace {

namespace sdk = kifa::sdk;

bool is_digit(std::uint8_t byte) { return byte >= '0' && byte <= '9'; }

// What stands where a record may begin.
struct Header {
  enum class Found : std::uint8_t { counted, line, begun, none };
  Found found = Found::begun;
  std::size_t bytes = 0;   // of the length and its space
  std::size_t length = 0;  // of the message
};

Header header_at(sdk::Bytes bytes, std::size_t length_max) {
  Header header;
  if (bytes.empty()) {
    return header;
  }
  if (bytes[0] < '1' || bytes[0] > '9') {
    header.found = Header::Found::line;
    return header;
  }
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] == ' ') {
      header.bytes = i + 1;
      header.found = Header::Found::counted;
      return header;
    }
    header.length = header.length * 10 + (bytes[i] - std::size_t{'0'});
    if (!is_digit(bytes[i]) || header.length > length_max) {
      header.found = Header::Found::none;
      return header;
    }
  }
  return header;
}

class OctetCounted final : public sdk::Framing {
 public:
  using Framing::Framing;

  sdk::Status configure(const sdk::Settings& settings) override {
    length_max_ = static_cast<std::size_t>(settings.size_bytes("length_max"));
    strip_cr_ = settings.boolean("strip_cr");
    return {};
  }

  class Stream final {
   public:
    Stream(OctetCounted& options, const kifa_stream& stream)
        : options_(options),
          line_flags_at_end_((stream.flags & KIFA_STREAM_DATAGRAM) != 0 ? 0U : kPartial) {}

    sdk::Status feed(sdk::View view, sdk::FramingOut out) {
      const std::size_t size = view.bytes.size();
      if (inside_ == Inside::counted) {
        came_ += size - view.fresh;
      }
      Cut cut{.view = view, .out = out, .used = 0, .in_tail = view.tail};
      while (step(cut)) {
      }
      if (view.end) {
        end(cut);
      }
      return {};
    }

   private:
    static constexpr std::uint32_t kPartial = KIFA_RECORD_PARTIAL;
    // What the first unused byte belongs to.
    enum class Inside : std::uint8_t { nothing, counted, line, garbage };

    // How far one view has been cut.
    struct Cut {
      sdk::View view;
      sdk::FramingOut out;
      std::size_t used;
      bool in_tail;

      [[nodiscard]] sdk::Bytes rest() const { return view.bytes.subspan(used); }
      void record(sdk::Bytes payload, std::size_t to, std::uint32_t flags = 0) {
        out.record(payload, to, flags);
        used = to;
        in_tail = false;
      }
      void skip(std::size_t to, std::uint32_t reason) {
        if (to > used) {
          out.skip(to, reason);
          used = to;
        }
      }
    };

    // False: the rest of the view ends nothing.
    bool step(Cut& cut) {
      switch (inside_) {
        case Inside::nothing:
          return begin(cut);
        case Inside::counted:
          return counted(cut);
        case Inside::line:
          return line(cut);
        case Inside::garbage:
          return garbage(cut);
      }
      return false;
    }

    bool begin(Cut& cut) {
      const Header header = header_at(cut.rest(), options_.length_max_);
      switch (header.found) {
        case Header::Found::counted:
          inside_ = Inside::counted;
          header_bytes_ = header.bytes;
          record_bytes_ = header.bytes + header.length;
          came_ = cut.rest().size();
          return true;
        case Header::Found::line:
          inside_ = Inside::line;
          return true;
        case Header::Found::none:
          inside_ = Inside::garbage;
          after_digit_ = true;  // the length that is none is not to be found again
          return true;
        case Header::Found::begun:
          break;
      }
      return false;
    }

    bool counted(Cut& cut) {
      if (came_ < record_bytes_) {
        // The host cuts the head of an oversize record off: the length must not be part of it.
        if (record_bytes_ - header_bytes_ > options_.host().record_bytes_max()) {
          skip_header(cut);
        }
        return false;
      }
      const std::size_t behind = came_ - record_bytes_;
      const std::size_t to = cut.view.bytes.size() - behind;
      cut.record(message(cut).first(to - cut.used - unused_header_bytes(cut)), to);
      inside_ = Inside::nothing;
      return true;
    }

    // Those of the header that are still in front of the message.
    [[nodiscard]] std::size_t unused_header_bytes(const Cut& cut) const {
      return cut.in_tail ? 0 : std::min(header_bytes_, cut.rest().size());
    }
    [[nodiscard]] sdk::Bytes message(const Cut& cut) const {
      return cut.rest().subspan(unused_header_bytes(cut));
    }

    void skip_header(Cut& cut) {
      if (!cut.in_tail) {
        cut.skip(cut.used + header_bytes_, KIFA_GAP_DELIMITER);
        record_bytes_ -= header_bytes_;
        came_ -= header_bytes_;
        header_bytes_ = 0;
      }
    }

    bool line(Cut& cut) {
      // What is not fresh was searched before.
      const std::size_t from = std::max(cut.used, cut.view.fresh);
      const std::size_t size = cut.view.bytes.size();
      const std::uint8_t* const data = cut.view.bytes.data();
      const void* const found = from < size ? std::memchr(data + from, '\n', size - from) : nullptr;
      if (found == nullptr) {
        return false;
      }
      const auto at = static_cast<std::size_t>(static_cast<const std::uint8_t*>(found) - data);
      sdk::Bytes bytes = cut.view.bytes.subspan(cut.used, at - cut.used);
      if (options_.strip_cr_ && !bytes.empty() && bytes.back() == '\r') {
        bytes = bytes.first(bytes.size() - 1);
      }
      if (bytes.empty() && !cut.in_tail) {
        cut.skip(at + 1, KIFA_GAP_DELIMITER);
      } else {
        cut.record(bytes, at + 1);
      }
      inside_ = Inside::nothing;
      return true;
    }

    // Up to where a record can begin again; all at once, so that a gap is one gap.
    bool garbage(Cut& cut) {
      const sdk::Bytes bytes = cut.view.bytes;
      std::size_t at = cut.used;
      for (; at < bytes.size(); ++at) {
        if (bytes[at] == '\n') {
          inside_ = Inside::nothing;
          ++at;
          break;
        }
        const bool may_begin = !after_digit_ && bytes[at] >= '1' && bytes[at] <= '9';
        const Header header =
            may_begin ? header_at(bytes.subspan(at), options_.length_max_) : Header{};
        if (may_begin && header.found == Header::Found::counted) {
          const std::size_t first = at + header.bytes;
          if (first == bytes.size()) {
            break;
          }
          if (bytes[first] == '<') {
            inside_ = Inside::nothing;
            break;
          }
        } else if (may_begin && header.found == Header::Found::begun) {
          break;
        }
        after_digit_ = is_digit(bytes[at]);
      }
      cut.skip(at, KIFA_GAP_MALFORMED);
      return inside_ == Inside::nothing;
    }

    void end(Cut& cut) {
      const std::size_t size = cut.view.bytes.size();
      if (inside_ == Inside::garbage) {
        cut.skip(size, KIFA_GAP_MALFORMED);
      } else if (cut.used < size || cut.in_tail) {
        const bool is_counted = inside_ == Inside::counted;
        const std::uint32_t flags = inside_ == Inside::line ? line_flags_at_end_ : kPartial;
        cut.record(is_counted ? message(cut) : cut.rest(), size, flags);
      }
      inside_ = Inside::nothing;
    }

    const OctetCounted& options_;
    const std::uint32_t line_flags_at_end_;
    Inside inside_ = Inside::nothing;
    bool after_digit_ = false;  // garbage: the byte before was a digit
    // Of the counted record. What came counts bytes that the host has used up too.
    std::size_t came_ = 0;
    std::size_t record_bytes_ = 0;
    std::size_t header_bytes_ = 0;  // 0: skipped already
  };

 private:
  std::size_t length_max_ = 0;
  bool strip_cr_ = true;
};

constexpr auto kOptions = sdk::options(
    sdk::option::size("length_max", "A greater length is not believed: its bytes are no record.")
        .by_default("1MiB")
        .range(1, 16 << 20),
    sdk::option::boolean("strip_cr",
                         "Drops one carriage return before the line feed of a record that is not "
                         "counted.")
        .by_default("true"));

constexpr kifa_component kComponents[] = {sdk::framing<OctetCounted>(
    "octet_counted", "Syslog over a stream: counted records, or lines where no count is.",
    kOptions)};

constexpr kifa_plugin kPlugin = sdk::plugin(
    {"org.kifa.framing.octet_counted", "0.1.0", "kifa", "", "MIT OR Apache-2.0"}, kComponents);

}  // namespace

KIFA_PLUGIN(kPlugin);
