// Framing `stx_etx`: frames between a start and an end byte, with a check behind the end, for
// devices on serial lines.
//
// The record is what stands between start and end, without DLE stuffing; with keep_frame it is the
// whole frame as it came. Bytes between frames are skipped and counted as malformed, but for those
// of `ignore`. A frame whose check is wrong, that has an impossible DLE, or that grows longer than
// frame_max is bad: it is skipped, counted as malformed and by its reason, and with `replies`
// answered NAK at once. The next frame is looked for behind its end byte. Where start bytes cannot
// stand in a payload (stuffing, or no check) a start byte always begins anew; elsewhere a frame
// with a wrong check is tried again from the last start byte in it. What that cuts off is counted
// and not answered: the answer to the whole frame is on its way.
//
// With `replies` a frame is answered ACK when its record is durable, and NAK when it could not be
// stored. A frame that the device sends again is flagged, or dropped and counted; see Answers.
//
// A frame that is unfinished when the stream ends is a record flagged partial, and is not answered.
// Where the bytes were cut into chunks does not matter. No frame is longer than record_bytes_max,
// so the host never cuts one, and a frame is one record with one outcome.

#include <kifa/sdk.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/framings/shared/byte_text.hpp"
#include "plugins/framings/stx_etx/answers.hpp"
#include "plugins/framings/stx_etx/frame_format.hpp"
#include "plugins/framings/stx_etx/frame_stream.hpp"

namespace {

namespace sdk = kifa::sdk;
using kifa::plugins::Answers;
using kifa::plugins::FrameFormat;
using kifa::plugins::kDle;
using kifa::plugins::Stuffing;

constexpr std::size_t kEndsMax = 4;
constexpr std::size_t kReplyBytesMax = 8;
constexpr std::size_t kIgnoredMax = 32;

struct BytesLimit {
  std::size_t min;
  std::size_t max;
};

std::vector<std::uint8_t> bytes_of_option(const sdk::Settings& settings, std::string_view name,
                                          BytesLimit limit) {
  const std::string_view text = settings.text(name);
  const auto bytes = kifa::plugins::bytes_from_option(text);
  const std::string what = std::string(name) + " \"" + std::string(text) + "\" ";
  if (!bytes) {
    throw sdk::Failure(
        sdk::Status::invalid(what + "is not pairs of hexadecimal digits, as in \"hex:10 06\""));
  }
  if (bytes->size() < limit.min || bytes->size() > limit.max) {
    throw sdk::Failure(sdk::Status::invalid(
        what + "has " + std::to_string(bytes->size()) + " bytes; " + std::to_string(limit.min) +
        " to " + std::to_string(limit.max) + " are possible, in hexadecimal as in \"hex:02\""));
  }
  return *bytes;
}

std::string text_option(const sdk::Settings& settings, std::string_view name) {
  const auto bytes = bytes_of_option(settings, name, {1, kReplyBytesMax});
  return {bytes.begin(), bytes.end()};
}

class StxEtx final : public sdk::Framing {
 public:
  using Framing::Framing;

  sdk::Status configure(const sdk::Settings& settings) override;

  class Stream;

 private:
  sdk::Status check_settings(const sdk::Settings& settings) const;
  void register_counters();
  // The host begins a stream's framing state anew after a silence, while outcomes of the old one
  // may still come: both have the same answers.
  std::shared_ptr<Answers> answers_of(std::uint64_t stream);
  void forget(std::uint64_t stream, std::shared_ptr<Answers> answers);
  // Warns, once, when it should and cannot.
  bool may_reply(const kifa_stream& stream);

  kifa::plugins::FrameOptions options_;
  std::map<std::uint64_t, std::weak_ptr<Answers>> answers_;
  bool warned_ = false;
};

class StxEtx::Stream final {
 public:
  Stream(StxEtx& framing, const kifa_stream& stream)
      : framing_(framing),
        number_(stream.stream),
        frames_(framing.options_, framing.answers_of(stream.stream), framing.may_reply(stream)) {}
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() { framing_.forget(number_, frames_.give_answers()); }

  sdk::Status feed(sdk::View view, sdk::FramingOut out) {
    frames_.feed(view, out);
    return {};
  }
  void durable(sdk::FramingOut out, std::span<const kifa_outcome> outcomes) {
    frames_.durable(out, outcomes);
  }

 private:
  StxEtx& framing_;
  const std::uint64_t number_;
  kifa::plugins::FrameStream frames_;
};

sdk::Status StxEtx::configure(const sdk::Settings& settings) {
  FrameFormat& format = options_.format;
  format.start = bytes_of_option(settings, "start", {1, 1}).front();
  format.ends = bytes_of_option(settings, "end", {1, kEndsMax});
  format.stuffing = kifa::plugins::stuffing_from(settings.text("dle"));
  format.check = kifa::plugins::check_from(settings.text("check"));
  format.check_initial = static_cast<std::uint16_t>(settings.integer("check_initial"));
  format.check_low_first = settings.text("check_order") == "low_first";
  format.check_covers_start = settings.boolean("check_covers_start");
  format.check_covers_end = settings.boolean("check_covers_end");
  options_.keep_frame = settings.boolean("keep_frame");
  options_.frame_max =
      std::min<std::size_t>(settings.size_bytes("frame_max"), host().record_bytes_max());
  for (const std::uint8_t byte : bytes_of_option(settings, "ignore", {0, kIgnoredMax})) {
    options_.is_ignored[byte] = true;
  }
  options_.answering.replies = settings.boolean("replies");
  options_.answering.ack = text_option(settings, "ack");
  options_.answering.nak = text_option(settings, "nak");
  options_.answering.sequence_offset = settings.size_bytes("sequence_offset");
  options_.answering.sequence_bytes = static_cast<std::size_t>(settings.integer("sequence_bytes"));
  options_.drops_resends = settings.text("resends") == "drop";
  register_counters();
  return check_settings(settings);
}

sdk::Status StxEtx::check_settings(const sdk::Settings& settings) const {
  const FrameFormat& format = options_.format;
  if (format.is_end(format.start)) {
    return sdk::Status::invalid("start and end have a byte in common; a frame needs two");
  }
  if (format.stuffing != Stuffing::none && (format.start == kDle || format.is_end(kDle))) {
    return sdk::Status::invalid(
        "with dle: doubled or escape, start and end are given without the DLE (10) before them, "
        "and cannot be DLE");
  }
  if (format.check == kifa::plugins::CheckKind::lrc && format.check_initial > 0xFF) {
    return sdk::Status::invalid("check_initial " + std::to_string(format.check_initial) +
                                " does not fit into an LRC; 0 to 255 are possible");
  }
  if (settings.is_explicit("frame_max") &&
      settings.size_bytes("frame_max") > host().record_bytes_max()) {
    return sdk::Status::invalid("frame_max is more than record_bytes_max (" +
                                std::to_string(host().record_bytes_max()) +
                                " bytes); raise that too, or lower frame_max");
  }
  return {};
}

void StxEtx::register_counters() {
  kifa::plugins::FrameCounters& counters = options_.counters;
  counters.bad_check = host().counter("frames_bad_check", "frames", "Frames with a wrong check.");
  counters.bad_stuffing =
      host().counter("frames_bad_stuffing", "frames", "Frames with an impossible byte behind DLE.");
  counters.too_long =
      host().counter("frames_too_long", "frames", "Frames that grew longer than frame_max.");
  counters.cut = host().counter("frames_cut", "frames", "Frames in which another one began.");
  counters.resent = host().counter("frames_resent", "frames", "Frames that came again.");
}

std::shared_ptr<Answers> StxEtx::answers_of(std::uint64_t stream) {
  std::weak_ptr<Answers>& known = answers_[stream];
  std::shared_ptr<Answers> answers = known.lock();
  if (answers == nullptr) {
    answers = std::make_shared<Answers>(options_.answering);
    known = answers;
  }
  return answers;
}

void StxEtx::forget(std::uint64_t stream, std::shared_ptr<Answers> answers) {
  answers.reset();
  const auto found = answers_.find(stream);
  if (found != answers_.end() && found->second.expired()) {
    answers_.erase(found);
  }
}

bool StxEtx::may_reply(const kifa_stream& stream) {
  if (!options_.answering.replies || (stream.flags & KIFA_STREAM_REPLY) != 0) {
    return options_.answering.replies;
  }
  if (!warned_) {
    warned_ = true;
    host().warn(
        "replies: true, but this source cannot answer its device: frames are kept and nobody hears "
        "of it; leave `replies` out, or use a source that replies");
  }
  return false;
}

constexpr auto kOptions = sdk::options(
    sdk::option::text("start", "The byte that begins a frame.").by_default("hex:02"),
    sdk::option::text("end", "The byte that ends a frame; of up to four bytes each ends one.")
        .by_default("hex:03"),
    sdk::option::choice("dle",
                        "How control bytes are carried in a payload: not at all; start and end are "
                        "behind a DLE (10) and a DLE of the payload is doubled; or a DLE goes "
                        "before each.",
                        "none|doubled|escape")
        .by_default("none"),
    sdk::option::choice("check",
                        "What stands behind the end: nothing, the XOR of the bytes, or a CRC with "
                        "polynomial 1021, 1021 mirrored, or 8005 mirrored.",
                        "none|lrc|crc16_ccitt|crc16_kermit|crc16_arc")
        .by_default("lrc"),
    sdk::option::integer("check_initial", "The value that a check begins with.")
        .by_default("0")
        .range(0, 65535),
    sdk::option::choice("check_order", "Which byte of a CRC comes first.", "low_first|high_first")
        .by_default("low_first"),
    sdk::option::boolean("check_covers_start", "The check includes the start byte.")
        .by_default("false"),
    sdk::option::boolean("check_covers_end", "The check includes the end byte.").by_default("true"),
    sdk::option::size("frame_max",
                      "A frame may be this long on the line, with everything; at most "
                      "record_bytes_max.")
        .by_default("64KiB")
        .range(16, 16 << 20),
    sdk::option::boolean("keep_frame", "The record is the whole frame as it came.")
        .by_default("false"),
    sdk::option::text("ignore", "Bytes that may stand between frames and are not counted.")
        .by_default("hex:04 05 06 15"),
    sdk::option::boolean("replies",
                         "Answers the device: ACK when the record is durable, NAK at once to a bad "
                         "frame.")
        .by_default("false"),
    sdk::option::text("ack", "The bytes of an ACK.").by_default("hex:06"),
    sdk::option::text("nak", "The bytes of a NAK.").by_default("hex:15"),
    sdk::option::choice("resends",
                        "What becomes of a frame that the device sends again: a record flagged "
                        "resent, or nothing but a count.",
                        "flag|drop")
        .by_default("flag"),
    sdk::option::size("sequence_offset", "Where in the payload a sequence field begins.")
        .by_default("0")
        .range(0, 1024),
    sdk::option::integer("sequence_bytes", "Bytes of the sequence field; 0: there is none.")
        .unit("bytes")
        .by_default("0")
        .range(0, 16));

constexpr kifa_component kComponents[] = {sdk::framing<StxEtx>(
    "stx_etx", "Frames between STX and ETX with a check, answered when durable.", kOptions)};

constexpr kifa_plugin kPlugin = sdk::plugin(
    {"org.kifa.framing.stx_etx", "0.1.0", "kifa", "", "MIT OR Apache-2.0"}, kComponents);

}  // namespace

KIFA_PLUGIN(kPlugin);
