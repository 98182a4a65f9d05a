#include "plugins/sources/serial/line.hpp"

// The kernel's own termios2, which takes any rate; <termios.h> would define half of it differently.
#include <asm/termbits.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <string_view>

namespace kifa::plugins::serial_source {

namespace {

constexpr cc_t kXon = 0x11;
constexpr cc_t kXoff = 0x13;
// What a rate may be off before bytes are misread, in thousandths: clocks are divided by whole
// numbers, and drivers say what they have got.
constexpr std::uint32_t kRateToleranceThousandths = 25;

constexpr tcflag_t kInputFlags = IGNBRK | BRKINT | IGNPAR | PARMRK | INPCK | ISTRIP | INLCR |
                                 IGNCR | ICRNL | IXON | IXOFF | IXANY;
constexpr tcflag_t kLocalFlags = ISIG | ICANON | ECHO | IEXTEN;

tcflag_t size_flag(std::uint8_t data_bits) {
  switch (data_bits) {
    case 5:
      return CS5;
    case 6:
      return CS6;
    case 7:
      return CS7;
    default:
      return CS8;
  }
}

std::uint8_t data_bits_of(tcflag_t flags) {
  switch (flags & CSIZE) {
    case CS5:
      return 5;
    case CS6:
      return 6;
    case CS7:
      return 7;
    default:
      return 8;
  }
}

tcflag_t parity_flags(Parity parity) {
  switch (parity) {
    case Parity::even:
      return PARENB;
    case Parity::odd:
      return PARENB | PARODD;
    case Parity::mark:
      return PARENB | PARODD | CMSPAR;
    case Parity::space:
      return PARENB | CMSPAR;
    default:
      return 0;
  }
}

Parity parity_of(tcflag_t flags) {
  if ((flags & PARENB) == 0) {
    return Parity::none;
  }
  const bool is_fixed = (flags & CMSPAR) != 0;
  if ((flags & PARODD) != 0) {
    return is_fixed ? Parity::mark : Parity::odd;
  }
  return is_fixed ? Parity::space : Parity::even;
}

std::string_view name_of(Parity parity) {
  switch (parity) {
    case Parity::even:
      return "even parity";
    case Parity::odd:
      return "odd parity";
    case Parity::mark:
      return "mark parity";
    case Parity::space:
      return "space parity";
    default:
      return "no parity";
  }
}

char letter_of(Parity parity) {
  switch (parity) {
    case Parity::even:
      return 'E';
    case Parity::odd:
      return 'O';
    case Parity::mark:
      return 'M';
    case Parity::space:
      return 'S';
    default:
      return 'N';
  }
}

// IGNBRK and BRKINT off and PARMRK on: a break and a byte that came in wrong are marked.
void set_modes(termios2& modes, const LineSettings& line) {
  const bool sends_xoff = line.flow_control == FlowControl::xon_xoff;
  modes.c_iflag = INPCK | PARMRK | (sends_xoff ? tcflag_t{IXOFF} : 0);
  modes.c_oflag = 0;
  modes.c_lflag = 0;
  modes.c_cflag = BOTHER | CREAD | CLOCAL | size_flag(line.data_bits) | parity_flags(line.parity) |
                  (line.stop_bits == 2 ? tcflag_t{CSTOPB} : 0) |
                  (line.flow_control == FlowControl::rts_cts ? tcflag_t{CRTSCTS} : 0);
  modes.c_ispeed = line.baud;
  modes.c_ospeed = line.baud;
  modes.c_cc[VMIN] = 1;  // read() gives 0 only when the device is gone
  modes.c_cc[VTIME] = 0;
  modes.c_cc[VSTART] = kXon;
  modes.c_cc[VSTOP] = kXoff;
}

// A list of "this instead of that".
class Differences final {
 public:
  void add(std::string_view found, std::string_view wanted) {
    text_.append(text_.empty() ? "" : ", ").append(found).append(" instead of ").append(wanted);
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

std::string data_bits_text(std::uint8_t bits) { return std::to_string(bits) + " data bits"; }

bool is_near(std::uint32_t found, std::uint32_t wanted) {
  const std::uint64_t off = found > wanted ? found - wanted : wanted - found;
  return off * 1000 <= std::uint64_t{wanted} * kRateToleranceThousandths;
}

std::string differences_between(const termios2& found, const termios2& wanted) {
  Differences differences;
  if (!is_near(found.c_ospeed, wanted.c_ospeed)) {
    differences.add(std::to_string(found.c_ospeed) + " bps", std::to_string(wanted.c_ospeed));
  }
  if ((found.c_cflag & CSIZE) != (wanted.c_cflag & CSIZE)) {
    differences.add(data_bits_text(data_bits_of(found.c_cflag)),
                    std::to_string(data_bits_of(wanted.c_cflag)));
  }
  // PARODD and CMSPAR mean nothing without PARENB, and drivers leave them as they were.
  if (parity_of(found.c_cflag) != parity_of(wanted.c_cflag)) {
    differences.add(name_of(parity_of(found.c_cflag)), name_of(parity_of(wanted.c_cflag)));
  }
  if ((found.c_cflag & CSTOPB) != (wanted.c_cflag & CSTOPB)) {
    differences.add((found.c_cflag & CSTOPB) != 0 ? "2 stop bits" : "1 stop bit",
                    (wanted.c_cflag & CSTOPB) != 0 ? "2" : "1");
  }
  if ((found.c_cflag & CRTSCTS) != (wanted.c_cflag & CRTSCTS)) {
    differences.add((found.c_cflag & CRTSCTS) != 0 ? "RTS and CTS" : "no RTS and CTS",
                    (wanted.c_cflag & CRTSCTS) != 0 ? "RTS and CTS" : "none");
  }
  if ((found.c_iflag & kInputFlags) != (wanted.c_iflag & kInputFlags) ||
      (found.c_lflag & kLocalFlags) != 0 || (found.c_oflag & OPOST) != 0) {
    differences.add("text conversions", "plain bytes");
  }
  if ((found.c_cflag & HUPCL) != 0) {
    differences.add("DTR that falls at the end", "one that stays");
  }
  return differences.take();
}

}  // namespace

std::string text_of(const LineSettings& line) {
  return std::to_string(line.baud) + " " + std::to_string(line.data_bits) + letter_of(line.parity) +
         std::to_string(line.stop_bits);
}

sdk::Status set_line(int fd, const LineSettings& line, LineResult& result) {
  termios2 modes{};
  if (::ioctl(fd, TCGETS2, &modes) != 0) {
    return errno == ENOTTY || errno == EINVAL
               ? sdk::Status::unsupported("it is no serial port")
               : sdk::Status::from_errno(errno, "its settings cannot be read");
  }
  set_modes(modes, line);
  if (::ioctl(fd, TCSETS2, &modes) != 0) {
    return sdk::Status::from_errno(errno, "it does not take " + text_of(line));
  }
  termios2 found{};
  if (::ioctl(fd, TCGETS2, &found) != 0) {
    return sdk::Status::from_errno(errno, "its settings cannot be read back");
  }
  result.differences = differences_between(found, modes);
  result.is_marked = (found.c_iflag & PARMRK) != 0;
  return {};
}

}  // namespace kifa::plugins::serial_source
