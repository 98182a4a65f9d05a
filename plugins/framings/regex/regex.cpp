// Framing `regex`: records of several lines, such as stack traces and receipts.
//
// The patterns are applied to lines, each when its line feed has come and without it (and without
// one carriage return before it): no later byte can change what a line matches, so where the bytes
// were cut into chunks does not matter. A line that matches `start` begins a record; one that
// matches `end` is the last of its record. The line end behind a record is not part of it, those
// inside are kept.
//
// With `start` alone a record ends where the next one starts, with `end` alone it begins behind the
// last one. With both, a record in which another one starts lost its end and is flagged partial,
// and lines outside of records are a record of their own unless they are empty: nothing is dropped.
//
// After `silence` a stream has ended its record: flagged partial when the record's end, or that of
// its last line, was not seen. On streams that can be read again that is so only when the user
// wrote `silence`, and only at the end of a line. The end of the stream does the same.
//
// Limits: of a line the patterns see the first kLineSeenMax bytes. RE2 takes linear time, whatever
// the pattern; memory for one is kPatternBytesMax. Of a record longer than record_bytes_max the
// host uses up the head; more bytes stay than a line has before it is judged.

#include <re2/re2.h>
#include <kifa/sdk.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

namespace {

namespace sdk = kifa::sdk;

constexpr std::size_t kLineSeenMax = 2048;
constexpr std::int64_t kPatternBytesMax = 8 << 20;

// Null when the option is not given or empty.
std::unique_ptr<re2::RE2> pattern_of(const sdk::Settings& settings, std::string_view name) {
  if (!settings.has(name) || settings.text(name).empty()) {
    return nullptr;
  }
  const std::string text(settings.text(name));
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kPatternBytesMax);
  options.set_never_capture(true);
  auto pattern = std::make_unique<re2::RE2>(text, options);
  if (!pattern->ok()) {
    throw sdk::Failure(
        sdk::Status::invalid(std::string(name) + " \"" + text +
                             "\" is not a regular expression of RE2: " + pattern->error()));
  }
  return pattern;
}

bool matches(const std::unique_ptr<re2::RE2>& pattern, sdk::Bytes line) {
  if (pattern == nullptr) {
    return false;
  }
  const std::string_view text = sdk::text_of(line);
  return pattern->Match({text.data(), text.size()}, 0, text.size(), re2::RE2::UNANCHORED, nullptr,
                        0);
}

// Without one line feed and one carriage return before it.
sdk::Bytes without_line_end(sdk::Bytes bytes) {
  if (!bytes.empty() && bytes.back() == '\n') {
    bytes = bytes.first(bytes.size() - 1);
    if (!bytes.empty() && bytes.back() == '\r') {
      bytes = bytes.first(bytes.size() - 1);
    }
  }
  return bytes;
}

bool is_blank(sdk::Bytes bytes) {
  return std::ranges::all_of(bytes, [](std::uint8_t byte) { return byte == '\n' || byte == '\r'; });
}

class Regex final : public sdk::Framing {
 public:
  using Framing::Framing;

  sdk::Status configure(const sdk::Settings& settings) override {
    start_ = pattern_of(settings, "start");
    end_ = pattern_of(settings, "end");
    if (start_ == nullptr && end_ == nullptr) {
      return sdk::Status::invalid(
          "start and end are both missing; give the pattern of a record's first line, of its last "
          "line, or both");
    }
    silence_ns_ = settings.duration_ns("silence");
    silence_is_explicit_ = settings.is_explicit("silence");
    return {};
  }

  class Stream;

 private:
  std::unique_ptr<re2::RE2> start_;
  std::unique_ptr<re2::RE2> end_;
  std::int64_t silence_ns_ = 0;
  bool silence_is_explicit_ = false;
};

class Regex::Stream final {
 public:
  Stream(Regex& options, const kifa_stream& stream)
      : options_(options),
        is_datagram_((stream.flags & KIFA_STREAM_DATAGRAM) != 0),
        is_resumable_((stream.flags & KIFA_STREAM_RESUMABLE) != 0),
        silence_ns_(is_resumable_ && !options.silence_is_explicit_ ? 0 : options.silence_ns_),
        is_inside_(options.start_ == nullptr) {}

  sdk::Status feed(sdk::View view, sdk::FramingOut out) {
    Cut cut{.bytes = view.bytes, .out = out, .used = 0, .in_tail = view.tail};
    if (view.fresh < view.bytes.size()) {
      last_byte_mono_ns_ = out.now_mono_ns();
    }
    take_lines(cut, view.fresh);
    if (view.end || (view.tick && is_silent(out))) {
      finish(cut, view.end);
    } else if (silence_ns_ != 0 && cut.has_rest()) {
      out.wake_at(last_byte_mono_ns_ + silence_ns_);
    }
    return {};
  }

 private:
  // How far one view has been cut.
  struct Cut {
    sdk::Bytes bytes;
    sdk::FramingOut out;
    std::size_t used;
    bool in_tail;

    [[nodiscard]] bool has_rest() const { return used < bytes.size() || in_tail; }
  };

  void take_lines(Cut& cut, std::size_t fresh) {
    // The host may have used up the head of a line that was judged already.
    std::size_t line = fresh - std::min(fresh, line_bytes_);
    std::size_t from = fresh;
    while (from < cut.bytes.size()) {
      const std::uint8_t* const data = cut.bytes.data();
      const void* const found = std::memchr(data + from, '\n', cut.bytes.size() - from);
      const std::size_t to =
          found == nullptr
              ? cut.bytes.size()
              : static_cast<std::size_t>(static_cast<const std::uint8_t*>(found) - data) + 1;
      line_bytes_ += to - from;
      from = to;
      if (found != nullptr || line_bytes_ > kLineSeenMax) {
        judge(cut, line, to);
      }
      if (found != nullptr) {
        end_line(cut, to);
        line = to;
      }
    }
  }

  // Looks at the line at `line`, of which the view has the bytes up to `to`.
  void judge(Cut& cut, std::size_t line, std::size_t to) {
    if (is_judged_) {
      return;
    }
    is_judged_ = true;
    sdk::Bytes seen = without_line_end(cut.bytes.subspan(line, to - line));
    seen = seen.first(std::min(seen.size(), kLineSeenMax));
    if (matches(options_.start_, seen)) {
      record(cut, line, is_inside_ && options_.end_ != nullptr ? kPartial : 0U);
      is_inside_ = true;
    }
    is_last_ = matches(options_.end_, seen);
  }

  void end_line(Cut& cut, std::size_t to) {
    if (is_last_) {
      record(cut, to, 0);
    }
    line_bytes_ = 0;
    is_judged_ = false;
    is_last_ = false;
  }

  // What stands before `to` is a record, or lines of no record.
  void record(Cut& cut, std::size_t to, std::uint32_t flags) {
    const sdk::Bytes bytes = cut.bytes.subspan(cut.used, to - cut.used);
    if (bytes.empty() && !cut.in_tail) {
      return;
    }
    if (!is_inside_ && !is_last_ && !cut.in_tail && is_blank(bytes)) {
      cut.out.skip(to, KIFA_GAP_DELIMITER);
    } else {
      cut.out.record(without_line_end(bytes), to, flags);
    }
    cut.used = to;
    cut.in_tail = false;
    is_inside_ = options_.start_ == nullptr;
  }

  [[nodiscard]] bool is_silent(sdk::FramingOut out) const {
    return silence_ns_ != 0 && out.now_mono_ns() >= last_byte_mono_ns_ + silence_ns_;
  }

  // No more will come, or not soon.
  void finish(Cut& cut, bool is_end) {
    const bool has_half_line = line_bytes_ != 0;
    if (has_half_line && is_resumable_ && !is_end) {
      return;  // the rest of the line is still to be written
    }
    const std::size_t size = cut.bytes.size();
    if (has_half_line) {
      judge(cut, size - std::min(size, line_bytes_), size);
    }
    if (cut.has_rest()) {
      const bool lost_its_end = is_inside_ && options_.end_ != nullptr && !is_last_;
      const bool is_partial = lost_its_end || (has_half_line && !is_datagram_);
      record(cut, size, is_partial ? kPartial : 0U);
    }
    line_bytes_ = 0;
    is_judged_ = false;
    is_last_ = false;
    is_inside_ = options_.start_ == nullptr;
  }

  static constexpr std::uint32_t kPartial = KIFA_RECORD_PARTIAL;

  const Regex& options_;
  const bool is_datagram_;
  const bool is_resumable_;
  const std::int64_t silence_ns_;
  std::int64_t last_byte_mono_ns_ = 0;
  bool is_inside_;  // of a record whose start was seen, or needs none
  // Of the last line, whose end has not come.
  std::size_t line_bytes_ = 0;
  bool is_judged_ = false;
  bool is_last_ = false;  // it matches `end`
};

constexpr auto kOptions = sdk::options(
    sdk::option::text("start", "A line that matches this RE2 pattern begins a record."),
    sdk::option::text("end", "A line that matches this RE2 pattern is the last of its record."),
    sdk::option::duration("silence",
                          "A stream that is silent this long has ended its record; 0: never. What "
                          "can be read again, such as a file, waits unless this is written.")
        .by_default("1s")
        .range(0, 3600e9));

constexpr kifa_component kComponents[] = {sdk::framing<Regex>(
    "regex", "Records of several lines, found by how their first or last line looks.", kOptions)};

constexpr kifa_plugin kPlugin =
    sdk::plugin({"org.kifa.framing.regex", "0.1.0", "kifa", "", "MIT OR Apache-2.0"}, kComponents);

}  // namespace

KIFA_PLUGIN(kPlugin);
