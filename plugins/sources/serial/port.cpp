#include "plugins/sources/serial/port.hpp"

// Not <termios.h>, which defines half of it differently.
#include <asm/termbits.h>
#include <fcntl.h>
#include <linux/serial.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <utility>

namespace kifa::plugins::serial_source {

namespace {

// Device numbers of pseudo-terminals, as Linux gives them out.
constexpr unsigned kPtyMajorFirst = 136;
constexpr unsigned kPtyMajorLast = 143;

bool is_pseudo_terminal(int fd) {
  struct stat facts{};
  if (::fstat(fd, &facts) != 0 || !S_ISCHR(facts.st_mode)) {
    return false;
  }
  const unsigned number = ::major(facts.st_rdev);
  return number >= kPtyMajorFirst && number <= kPtyMajorLast;
}

std::uint64_t risen(std::uint64_t now, std::uint64_t before) {
  // A driver counts in an int, which wraps, and begins anew when the device was away.
  return now >= before ? now - before : now;
}

}  // namespace

LineCounts LineCounts::since(const LineCounts& before) const {
  return {.breaks = risen(breaks, before.breaks),
          .parity_errors = risen(parity_errors, before.parity_errors),
          .framing_errors = risen(framing_errors, before.framing_errors),
          .overruns = risen(overruns, before.overruns)};
}

// ---- open and close ----

sdk::Status Port::open(const PortOptions& options) {
  close();
  options_ = options;
  missing_.clear();
  differences_.clear();
  decoder_ = MarkDecoder();
  sdk::Status status = find();
  if (!status.failed()) {
    status = lock();
  }
  if (!status.failed()) {
    status = set_up();
  }
  if (status.failed()) {
    close();
  }
  return status;
}

sdk::Status Port::fail(const sdk::Status& why) const {
  return {why.code(), "cannot use " + options_.device + ": " + why.message(), why.sys_errno()};
}

// O_NONBLOCK: an open would wait for a carrier that no till gives.
sdk::Status Port::find() {
  const int direction = options_.transmits ? O_RDWR : O_RDONLY;
  descriptor_ =
      Descriptor(::open(options_.device.c_str(), direction | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
  if (descriptor_.is_open()) {
    return {};
  }
  const int error = errno;
  const std::string what = "cannot open " + options_.device;
  switch (error) {
    case EBUSY:
      return {KIFA_LOCKED, what + ": another program has it for itself; end that one", error};
    case EACCES:
    case EPERM:
      return {KIFA_IO,
              sdk::Status::from_errno(error, what).message() +
                  "; let the user that runs kifa into the device's group (often dialout)",
              error};
    case ENOENT:
    case ENODEV:
    case ENXIO:
    case EIO:  // a port without hardware
      return sdk::Status::unavailable(sdk::Status::from_errno(error, what).message() +
                                      "; plug the device in, or correct `device`");
    default:
      return sdk::Status::from_errno(error, what);
  }
}

sdk::Status Port::lock() {
  const sdk::Status taken{KIFA_LOCKED, "another program has locked it; end that one"};
  if (::flock(fd(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    return fail(taken);
  }
  if (is_pseudo_terminal(fd())) {
    return {};
  }
  int is_taken = 0;  // root opens it all the same
  if (::ioctl(fd(), TIOCGEXCL, &is_taken) == 0 && is_taken != 0) {
    return fail(taken);
  }
  is_exclusive_ = ::ioctl(fd(), TIOCEXCL) == 0;
  return {};
}

sdk::Status Port::set_up() {
  LineResult result;
  if (sdk::Status set = set_line(fd(), options_.line, result); set.failed()) {
    return set.code() == KIFA_UNSUPPORTED ? fail(sdk::Status::invalid(set.message())) : fail(set);
  }
  if (options_.require_line_settings && !result.differences.empty()) {
    return fail(sdk::Status::invalid("its driver gives " + result.differences +
                                     ", and require_line_settings is true"));
  }
  differences_ = std::move(result.differences);
  is_marked_ = result.is_marked;

  bool has_lines = true;
  set_level(TIOCM_DTR, options_.dtr, has_lines);
  set_level(TIOCM_RTS, options_.rts, has_lines);
  serial_icounter_struct counted{};
  driver_counts_ = ::ioctl(fd(), TIOCGICOUNT, &counted) == 0;
  if (!has_lines) {
    missing_ = "no DTR and RTS";
  }
  if (!driver_counts_) {
    missing_ += missing_.empty() ? "no error counters" : ", no error counters";
  }
  if (options_.line.flow_control == FlowControl::xon_xoff) {
    pause_sender(false);  // whoever ran before may have stopped it
  }
  return {};
}

void Port::set_level(int line, Level level, bool& has_lines) const {
  if (level == Level::keep || !has_lines) {
    return;
  }
  has_lines = ::ioctl(fd(), level == Level::on ? TIOCMBIS : TIOCMBIC, &line) == 0;
}

void Port::close() {
  if (std::exchange(is_exclusive_, false)) {
    ::ioctl(fd(), TIOCNXCL);  // for whoever has it open besides
  }
  descriptor_.close();
}

// ---- bytes ----

Port::Read Port::read(std::span<std::uint8_t> into) {
  while (true) {
    const ssize_t got = ::read(fd(), into.data(), into.size());
    if (got > 0) {
      const auto bytes = static_cast<std::size_t>(got);
      return {Outcome::bytes, is_marked_ ? decoder_.decode(into.first(bytes)) : bytes};
    }
    if (got < 0 && errno == EAGAIN) {
      return {Outcome::nothing};
    }
    // A device that is away reads as an end, for ever; some drivers say EIO or ENODEV.
    if (got == 0 || errno != EINTR) {
      return {Outcome::gone};
    }
  }
}

Port::Sent Port::send(sdk::Bytes bytes) {
  Sent sent;
  while (sent.bytes < bytes.size()) {
    const sdk::Bytes left = bytes.subspan(sent.bytes);
    const ssize_t taken = ::write(fd(), left.data(), left.size());
    if (taken > 0) {
      sent.bytes += static_cast<std::size_t>(taken);
    } else if (taken == 0 || errno == EAGAIN) {
      break;
    } else if (errno != EINTR) {
      sent.is_gone = true;
      break;
    }
  }
  return sent;
}

LineCounts Port::counts() const {
  serial_icounter_struct counted{};
  if (driver_counts_ && ::ioctl(fd(), TIOCGICOUNT, &counted) == 0) {
    const auto number = [](int count) { return std::uint64_t{static_cast<std::uint32_t>(count)}; };
    return {.breaks = number(counted.brk),
            .parity_errors = number(counted.parity),
            .framing_errors = number(counted.frame),
            .overruns = number(counted.overrun) + number(counted.buf_overrun)};
  }
  LineCounts marked{.breaks = decoder_.breaks()};
  (options_.line.parity == Parity::none ? marked.framing_errors : marked.parity_errors) =
      decoder_.wrong_bytes();
  return marked;
}

void Port::pause_sender(bool paused) const { ::ioctl(fd(), TCXONC, paused ? TCIOFF : TCION); }

std::size_t Port::unsent() const {
  int bytes = 0;
  return ::ioctl(fd(), TIOCOUTQ, &bytes) == 0 && bytes > 0 ? static_cast<std::size_t>(bytes) : 0;
}

void Port::discard_unsent() const { ::ioctl(fd(), TCFLSH, TCOFLUSH); }

}  // namespace kifa::plugins::serial_source
