// Source `stdin`: what other programs write into kifa's standard input.
//
// A pipe, a file, a socket or a terminal; one stream, from start to its end. It cannot be resumed:
// what was read and not yet stored is lost with the process. Never waits inside a read (see
// input.hpp), so a stop takes effect at once while the other side is silent.
//
// On a stop, what the pipe holds at that moment is still taken in; a file is left where it is.

#include <poll.h>
#include <unistd.h>
#include <kifa/sdk.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "plugins/sources/stdin/input.hpp"

namespace {

namespace sdk = kifa::sdk;
using kifa::plugins::stdin_source::Input;

constexpr std::size_t kReadBytes = std::size_t{1} << 20U;  // one read; a pipe holds no more
// A read that brings less than this has emptied the pipe: waiting for more is cheaper than asking.
constexpr std::size_t kBulkBytes = std::size_t{64} << 10U;

class Stdin final : public sdk::Source {
 public:
  using Source::Source;

  sdk::Status start() override {
    if (sdk::Status opened = input_.open(STDIN_FILENO); opened.failed()) {
      return opened;
    }
    if (!input_.pipe_note().empty()) {
      host().debug(input_.pipe_note());
    }
    buffer_.resize(kReadBytes);
    is_draining_ = false;
    stage_ = Stage::closed;
    return {};
  }

  sdk::Status stop(std::int64_t /*deadline_mono_ns*/) override {
    stage_ = Stage::ended;
    buffer_ = {};
    waiting_ = {};
    return {};
  }

  sdk::Status poll(sdk::Emitter out, std::int64_t deadline_mono_ns) override {
    if (stage_ == Stage::closed) {
      if (sdk::Status opened = open_stream(out); !opened.is_ok()) {
        return opened;
      }
    }
    if (sdk::Status given = give_waiting(out); !given.is_ok()) {
      return not_taken_is_more(given);
    }
    if (stage_ == Stage::at_end) {
      return end_stream(out);
    }
    if (stage_ == Stage::ended) {
      return sdk::Status::end();
    }
    return out.draining() ? drain(out, deadline_mono_ns) : take(out, deadline_mono_ns);
  }

  void descriptors(sdk::Descriptors& out) override {
    if (stage_ != Stage::ended) {
      out.add(input_.fd(), POLLIN, KIFA_FD_INPUT);
    }
  }

 private:
  enum class Stage : std::uint8_t { closed, open, at_end, ended };

  sdk::Status open_stream(sdk::Emitter out) {
    position_ = 0;
    if (const kifa_status status = out.open({.stream = ++stream_}); status != KIFA_OK) {
      --stream_;
      return status;
    }
    stage_ = Stage::open;
    return {};
  }

  // Reads until the pipe is empty, the room is used up or the time is over.
  sdk::Status take(sdk::Emitter out, std::int64_t deadline_mono_ns) {
    std::uint64_t room = out.room();
    if (room == 0) {
      return sdk::Status::again();
    }
    while (room > 0) {
      const std::size_t asked = std::min<std::uint64_t>(room, kReadBytes);
      const Input::Read read = input_.read(std::span(buffer_).first(asked));
      if (read.outcome != Input::Outcome::bytes) {
        return without_bytes(read, out);
      }
      waiting_ = sdk::Bytes(buffer_).first(read.bytes);
      if (sdk::Status given = give_waiting(out); !given.is_ok()) {
        return not_taken_is_more(given);
      }
      room = std::min(room - read.bytes, out.room());
      if (read.bytes < std::min(asked, kBulkBytes) && input_.kind() != Input::Kind::file) {
        return sdk::Status::again();
      }
      if (host().now_mono_ns() >= deadline_mono_ns) {
        return {};
      }
    }
    return {};
  }

  sdk::Status without_bytes(const Input::Read& read, sdk::Emitter out) {
    switch (read.outcome) {
      case Input::Outcome::end:
        stage_ = Stage::at_end;
        return end_stream(out);
      case Input::Outcome::failed:
        return {KIFA_IO,
                sdk::Status::from_errno(read.sys_errno, "cannot read standard input").message(),
                read.sys_errno};
      default:
        return sdk::Status::again();
    }
  }

  // What the kernel had accepted when the stop came, and not a byte more: the other side may never
  // cease to write.
  sdk::Status drain(sdk::Emitter out, std::int64_t deadline_mono_ns) {
    if (!is_draining_) {
      is_draining_ = true;
      drain_left_ = input_.bytes_ready();
    }
    std::uint64_t room = out.room();
    if (room == 0 && drain_left_ > 0) {
      return sdk::Status::again();
    }
    while (drain_left_ > 0) {
      if (room == 0) {
        return {};
      }
      const std::uint64_t asked = std::min({room, drain_left_, std::uint64_t{kReadBytes}});
      const Input::Read read = input_.read(std::span(buffer_).first(asked));
      if (read.outcome == Input::Outcome::failed) {
        return without_bytes(read, out);
      }
      if (read.outcome != Input::Outcome::bytes) {
        break;
      }
      waiting_ = sdk::Bytes(buffer_).first(read.bytes);
      drain_left_ -= read.bytes;
      if (sdk::Status given = give_waiting(out); !given.is_ok()) {
        return not_taken_is_more(given);
      }
      room = std::min(room - read.bytes, out.room());
      if (host().now_mono_ns() >= deadline_mono_ns && drain_left_ > 0) {
        return {};
      }
    }
    stage_ = Stage::at_end;
    return end_stream(out);
  }

  // Hands over what was read; AGAIN: it was not taken and waits.
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
      stage_ = Stage::closed;
      return open_stream(out);
    }
    return {};
  }

  // To the host AGAIN means that only new input is worth another poll. Bytes that wait are worth
  // one as soon as there is room: that is OK.
  static sdk::Status not_taken_is_more(const sdk::Status& given) {
    return given.code() == KIFA_AGAIN ? sdk::Status::ok() : given;
  }

  sdk::Status end_stream(sdk::Emitter out) {
    const kifa_status status =
        out.chunk({.stream = stream_, .position = position_, .flags = KIFA_CHUNK_END});
    if (status == KIFA_AGAIN) {
      return sdk::Status::ok();
    }
    stage_ = Stage::ended;
    return status == KIFA_OK || status == KIFA_NO_MEMORY ? sdk::Status::end() : sdk::Status(status);
  }

  Input input_;
  Stage stage_ = Stage::ended;
  std::uint64_t stream_ = 0;    // number of the open stream, or of the last one
  std::uint64_t position_ = 0;  // bytes of it that the host has taken
  std::vector<std::uint8_t> buffer_;
  sdk::Bytes waiting_;  // in buffer_: read, but not yet taken by the host
  bool is_draining_ = false;
  std::uint64_t drain_left_ = 0;
};

constexpr kifa_component kComponents[] = {
    sdk::source<Stdin>("stdin", "Reads bytes from standard input until its end.")};

constexpr kifa_plugin kPlugin =
    sdk::plugin({"org.kifa.source.stdin", "0.1.0", "kifa", "", "MIT OR Apache-2.0"}, kComponents);

}  // namespace

KIFA_PLUGIN(kPlugin);
