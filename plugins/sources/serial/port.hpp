#pragma once

#include <sys/types.h>
#include <kifa/sdk.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "plugins/sources/serial/line.hpp"
#include "plugins/sources/serial/mark_decoder.hpp"
#include "plugins/sources/shared/descriptor.hpp"
#include "plugins/sources/shared/output.hpp"

namespace kifa::plugins::serial_source {

// What becomes of DTR and RTS when the port is opened.
enum class Level : std::uint8_t { on, off, keep };

struct PortOptions {
  std::string device;
  LineSettings line = {};
  bool transmits = false;  // false: opened for reading only, so that nothing can be sent
  Level dtr = Level::on;
  Level rts = Level::on;  // keep where flow control steers it
  bool require_line_settings = false;
};

// What went wrong on the line, since the port was opened.
struct LineCounts {
  std::uint64_t breaks = 0;
  std::uint64_t parity_errors = 0;
  std::uint64_t framing_errors = 0;
  std::uint64_t overruns = 0;  // bytes that hardware or driver had no room for

  // What has come since `before`.
  [[nodiscard]] LineCounts since(const LineCounts& before) const;
};

// One serial port, or a pseudo-terminal that stands for one: found by its path at each open(),
// locked against others, set to a plain line, and read without waiting.
//
// Who wants to be exclusive uses flock() or TIOCEXCL, so both are looked at and both are set; but
// not TIOCEXCL on a pseudo-terminal, which keeps it beyond the death of who set it.
//
// Threads: confined.
// Errors:  open(): UNAVAILABLE when nothing is there, LOCKED, INVALID when it is no serial port or
//          require_line_settings is not met, IO; one sentence that begins with the device.
class Port final : public Outlet {
 public:
  sdk::Status open(const PortOptions& options);
  void close();
  [[nodiscard]] bool is_open() const { return descriptor_.is_open(); }
  [[nodiscard]] int fd() const { return descriptor_.get(); }

  // Of the last open(): what this driver cannot do, and what it does otherwise than it was told.
  [[nodiscard]] const std::string& missing() const { return missing_; }
  [[nodiscard]] const std::string& differences() const { return differences_; }

  // bytes: `bytes` of `into` are input; it may be 0 when all that came were marks. gone: the device
  // is away, for good; close() before it is looked for again, or it comes back under another name.
  enum class Outcome : std::uint8_t { bytes, nothing, gone };
  struct Read {
    Outcome outcome = Outcome::nothing;
    std::size_t bytes = 0;
  };
  Read read(std::span<std::uint8_t> into);
  // After `gone`: true when one byte more, an FF, had been read.
  [[nodiscard]] bool finish_input() { return decoder_.finish(); }

  // Answers; a port in the mode `tap` was opened for reading only and takes none.
  Sent send(sdk::Bytes bytes) override;

  // From the driver where it counts; breaks and bytes that came in wrong as far as they were
  // marked, otherwise.
  [[nodiscard]] LineCounts counts() const;

  // Tells the device to stop or to go on with XOFF or XON, ahead of whatever waits to be sent.
  void pause_sender(bool paused) const;
  // Bytes that were written and have not left yet.
  [[nodiscard]] std::size_t unsent() const;
  void discard_unsent() const;

 private:
  sdk::Status fail(const sdk::Status& why) const;
  sdk::Status find();
  sdk::Status lock();
  sdk::Status set_up();
  void set_level(int line, Level level, bool& has_lines) const;

  PortOptions options_;
  Descriptor descriptor_;
  MarkDecoder decoder_;
  bool is_marked_ = false;
  bool driver_counts_ = false;
  bool is_exclusive_ = false;
  std::string missing_;
  std::string differences_;
};

}  // namespace kifa::plugins::serial_source
