// Source `serial`: what a device sends over a serial port, or a program over a pseudo-terminal.
//
// One stream from the moment that the port is opened until it is unplugged; the next one begins
// when it is back, with a gap that says for how long nobody listened. It cannot be resumed: bytes
// that the kernel still had are lost with the device, so everything is read as soon as it is there.
//
// Without flow control nothing stops the device when there is no room: what comes then is read and
// dropped, and becomes a gap with the number of its bytes. Left in the kernel it would be lost too,
// and nobody could say how much.

#include <poll.h>
#include <kifa/sdk.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "plugins/sources/serial/answers.hpp"
#include "plugins/sources/serial/port_keeper.hpp"
#include "plugins/sources/serial/settings.hpp"
#include "plugins/sources/shared/notices.hpp"

namespace {

namespace sdk = kifa::sdk;
using kifa::plugins::Notices;
using kifa::plugins::serial_source::FlowControl;
using kifa::plugins::serial_source::kOptions;
using kifa::plugins::serial_source::Port;
using kifa::plugins::serial_source::PortKeeper;
using kifa::plugins::serial_source::read_settings;
using kifa::plugins::serial_source::seconds_text;
using kifa::plugins::serial_source::SerialAnswers;
using kifa::plugins::serial_source::SerialSettings;

// A terminal gives 4095 bytes at once at most.
constexpr std::size_t kReadBytes = 4096;
// On a stop; more than the buffers of a terminal hold. Who sends on and on is not waited for.
constexpr std::uint64_t kDrainBytesMax = std::uint64_t{256} << 10U;

class Serial final : public sdk::Source {
 public:
  explicit Serial(sdk::Host host) : Source(host), keeper_(host), answers_(host), notices_(host) {}

  sdk::Status configure(const sdk::Settings& settings) override {
    if (sdk::Status read = read_settings(settings, settings_); read.failed()) {
      return read;
    }
    answers_.configure(settings_.port.device, settings_.reply_timeout_ns);
    keeper_.declare_metrics();
    dropped_ = host().counter("bytes_dropped", "bytes", "Bytes that were read without room.");
    return {};
  }

  sdk::Status start() override {
    buffer_.resize(2 * kReadBytes);
    is_draining_ = false;
    is_paused_ = false;
    return keeper_.start(settings_.port);
  }

  sdk::Status stop(std::int64_t /*deadline_mono_ns*/) override {
    if (settings_.port.transmits && keeper_.is_open()) {
      answers_.finish(keeper_.port());
    }
    keeper_.stop();
    is_open_ = false;
    is_ending_ = false;
    waiting_ = {};
    dropped_bytes_ = 0;
    overrun_bytes_ = 0;
    buffer_ = {};
    return {};
  }

  sdk::Status poll(sdk::Emitter out, std::int64_t deadline_mono_ns) override {
    sdk::Status status = work(out, deadline_mono_ns);
    steer_sender(out);
    if (const std::int64_t at = keeper_.next_look_ns(); at != PortKeeper::kNever && may_look()) {
      out.wake_at(at);
    }
    if (const std::int64_t at = answers_.due_ns(); at != SerialAnswers::kNever) {
      out.wake_at(at);
    }
    return status;
  }

  void descriptors(sdk::Descriptors& out) override {
    if (!keeper_.is_open()) {
      return;
    }
    const int fd = keeper_.port().fd();
    out.add(fd, POLLIN, reads_without_room() ? 0 : KIFA_FD_INPUT);
    if (answers_.is_waiting()) {
      out.add(fd, POLLOUT);
    }
  }

  sdk::Status reply(std::uint64_t stream, sdk::Bytes bytes) override {
    if (!settings_.port.transmits) {
      return sdk::Status::unsupported("mode: tap never sends; answers need mode: respond");
    }
    if (!keeper_.is_open() || stream != stream_) {
      return sdk::Status::unavailable("the device that asked is gone");
    }
    return answers_.send(keeper_.port(), bytes);
  }

 private:
  enum class Notice : std::uint8_t { dropped, count };

  [[nodiscard]] bool reads_without_room() const {
    return settings_.port.line.flow_control == FlowControl::none && !is_draining_;
  }

  // Not before the stream of what was unplugged has come to its end.
  [[nodiscard]] bool may_look() const { return !is_ending_ && !is_draining_; }

  sdk::Status work(sdk::Emitter out, std::int64_t deadline_mono_ns) {
    if (out.draining() && !std::exchange(is_draining_, true)) {
      drain_left_ = kDrainBytesMax;
    }
    if (may_look()) {
      keeper_.look();
    }
    if (keeper_.is_open() && !is_open_) {
      if (sdk::Status opened = open_stream(out); !opened.is_ok()) {
        return not_taken_is_more(opened);
      }
    }
    if (keeper_.is_open() && !answers_.send_waiting(keeper_.port())) {
      lose_port();
    }
    if (sdk::Status given = give(out); !given.is_ok()) {
      // Without flow control the device goes on while what was read waits for room.
      return reads_without_room() && out.room() == 0 ? drop(deadline_mono_ns)
                                                     : not_taken_is_more(given);
    }
    if (!keeper_.is_open()) {
      return is_draining_ ? sdk::Status::end() : sdk::Status::again();
    }
    return take(out, deadline_mono_ns);
  }

  // To the host AGAIN means that only new input is worth another poll. Bytes that wait are worth
  // one as soon as there is room: that is OK.
  static sdk::Status not_taken_is_more(const sdk::Status& given) {
    return given.code() == KIFA_AGAIN ? sdk::Status::ok() : given;
  }

  // ---- streams ----

  sdk::Status open_stream(sdk::Emitter out) {
    const kifa_attr attr{sdk::to_abi(std::string_view("device")),
                         sdk::to_abi(std::string_view(settings_.port.device))};
    const std::uint32_t flags = settings_.port.transmits ? KIFA_STREAM_REPLY : 0;
    const kifa_status opened =
        out.open({.stream = stream_ + 1, .flags = flags, .attrs = {&attr, 1}});
    if (opened == KIFA_OK) {
      ++stream_;
      position_ = 0;
      is_open_ = true;
    }
    return opened;
  }

  // What was read, then what was lost behind it, then the end.
  sdk::Status give(sdk::Emitter out) {
    sdk::Status given = give_waiting(out);
    // One gap for all that is lost until there is room again.
    if (given.is_ok() && is_open_ && (out.room() > 0 || is_ending_)) {
      given = give_gaps(out);
    }
    if (given.is_ok() && is_ending_) {
      given = end_stream(out);
    }
    return given;
  }

  // AGAIN: it was not taken and waits.
  sdk::Status give_waiting(sdk::Emitter out) {
    if (waiting_.empty()) {
      return {};
    }
    const kifa_status status =
        out.chunk({.stream = stream_, .data = waiting_, .position = position_});
    if (status != KIFA_OK && status != KIFA_NO_MEMORY) {
      return status;
    }
    position_ += waiting_.size();
    waiting_ = {};
    if (status == KIFA_NO_MEMORY) {
      // It took these bytes, and ended the stream because of what it cannot finish. Only that
      // record is cut: what follows is a stream of its own.
      is_open_ = false;
      return is_ending_ ? sdk::Status() : open_stream(out);
    }
    return {};
  }

  sdk::Status give_gaps(sdk::Emitter out) {
    if (keeper_.absence_ns() != 0) {
      // Nobody can say what came in the meantime.
      const std::string detail = "unplugged for " + seconds_text(keeper_.absence_ns());
      const kifa_status status =
          out.gap({.stream = stream_, .reason = KIFA_GAP_DEVICE, .detail = detail});
      if (status != KIFA_OK) {
        return status;
      }
      keeper_.forget_absence();
    }
    if (dropped_bytes_ != 0) {
      const kifa_status status = out.gap({.stream = stream_,
                                          .reason = KIFA_GAP_OVERFLOW,
                                          .bytes = dropped_bytes_,
                                          .detail = "the store did not keep up"});
      if (status != KIFA_OK) {
        return status;
      }
      position_ += std::exchange(dropped_bytes_, 0);  // a jump: it ends the record before it
    }
    if (overrun_bytes_ != 0) {
      const kifa_status status = out.gap({.stream = stream_,
                                          .reason = KIFA_GAP_DEVICE,
                                          .bytes = overrun_bytes_,
                                          .detail = "overrun in the hardware or its driver"});
      if (status != KIFA_OK) {
        return status;
      }
      overrun_bytes_ = 0;
    }
    return {};
  }

  sdk::Status end_stream(sdk::Emitter out) {
    if (is_open_) {
      const kifa_status status =
          out.chunk({.stream = stream_, .position = position_, .flags = KIFA_CHUNK_END});
      if (status != KIFA_OK && status != KIFA_NO_MEMORY) {
        return status;
      }
    }
    is_open_ = false;
    is_ending_ = false;
    return {};
  }

  // True: one byte more had been read than was handed on, an FF.
  bool lose_port() {
    const bool has_byte = keeper_.port().finish_input();
    keeper_.lose();
    answers_.forget();
    is_paused_ = false;
    is_ending_ = true;
    return has_byte;
  }

  // ---- reading ----

  // Reads until nothing is left, the room is used up or the time is over.
  sdk::Status take(sdk::Emitter out, std::int64_t deadline_mono_ns) {
    while (out.room() > 0) {
      const auto asked = static_cast<std::size_t>(std::min<std::uint64_t>(out.room(), kReadBytes));
      const Port::Read read = keeper_.port().read(std::span(buffer_).first(asked));
      if (read.outcome == Port::Outcome::bytes) {
        waiting_ = sdk::Bytes(buffer_).first(read.bytes);
        overrun_bytes_ += keeper_.count_errors();
      } else if (read.outcome == Port::Outcome::gone && lose_port()) {
        buffer_[0] = 0xFF;
        waiting_ = sdk::Bytes(buffer_).first(1);
      }
      if (sdk::Status given = give(out); !given.is_ok()) {
        return not_taken_is_more(given);
      }
      if (is_draining_) {
        drain_left_ -= std::min<std::uint64_t>(read.bytes, drain_left_);
        if (read.outcome != Port::Outcome::bytes || drain_left_ == 0) {
          return finish_drain(out);
        }
      }
      if (read.outcome != Port::Outcome::bytes) {
        return sdk::Status::again();
      }
      if (host().now_mono_ns() >= deadline_mono_ns) {
        return {};
      }
    }
    return reads_without_room() ? drop(deadline_mono_ns) : sdk::Status::ok();
  }

  // There is no room. What waits stays; what comes behind it is counted and gone.
  sdk::Status drop(std::int64_t deadline_mono_ns) {
    while (keeper_.is_open()) {
      const Port::Read read = keeper_.port().read(std::span(buffer_).last(kReadBytes));
      if (read.outcome == Port::Outcome::nothing) {
        break;
      }
      std::size_t bytes = read.bytes;
      if (read.outcome == Port::Outcome::gone) {
        bytes = lose_port() ? 1 : 0;
      } else {
        overrun_bytes_ += keeper_.count_errors();
      }
      if (bytes != 0) {
        dropped_bytes_ += bytes;
        dropped_.add(static_cast<double>(bytes));
        notices_.tell(Notice::dropped, settings_.port.device +
                                           " sends more than the store takes, and without flow "
                                           "control it cannot be stopped; bytes are dropped");
      }
      if (host().now_mono_ns() >= deadline_mono_ns) {
        break;
      }
    }
    return {};
  }

  // What is taken in on a stop ends here. The port stays open for answers.
  sdk::Status finish_drain(sdk::Emitter out) {
    const sdk::Status ended = end_stream(out);
    return ended.is_ok() ? sdk::Status::end() : not_taken_is_more(ended);
  }

  // With rts_cts the driver does it, when its buffers fill up.
  void steer_sender(sdk::Emitter out) {
    if (settings_.port.line.flow_control != FlowControl::xon_xoff || !keeper_.is_open()) {
      return;
    }
    if (const bool is_full = out.room() == 0; is_full != is_paused_) {
      is_paused_ = is_full;
      keeper_.port().pause_sender(is_full);
    }
  }

  SerialSettings settings_;
  PortKeeper keeper_;
  SerialAnswers answers_;
  Notices<Notice> notices_;
  sdk::Metric dropped_;

  std::uint64_t stream_ = 0;          // number of the open stream, or of the last one
  std::uint64_t position_ = 0;        // bytes of it that the host has taken, or that were dropped
  bool is_open_ = false;              // the stream
  bool is_ending_ = false;            // the stream, once what waits is taken
  std::vector<std::uint8_t> buffer_;  // one half for what waits, one for what is dropped
  sdk::Bytes waiting_;                // in buffer_: read, but not yet taken by the host
  std::uint64_t dropped_bytes_ = 0;   // behind what waits
  std::uint64_t overrun_bytes_ = 0;
  bool is_paused_ = false;  // the device was told to stop
  bool is_draining_ = false;
  std::uint64_t drain_left_ = 0;
};

constexpr kifa_component kComponents[] = {
    sdk::source<Serial>("serial", "Reads bytes from a serial port.", kOptions,
                        KIFA_SOURCE_BYTES | KIFA_SOURCE_REPLIES | KIFA_SOURCE_LIVE)};

constexpr kifa_plugin kPlugin =
    sdk::plugin({"org.kifa.source.serial", "0.1.0", "kifa", "", "MIT OR Apache-2.0"}, kComponents);

}  // namespace

KIFA_PLUGIN(kPlugin);
