#include "examples/crash-test/arguments.hpp"

#include <charconv>
#include <string_view>

namespace crash {

using kifa::Code;
using kifa::Status;

const char* const kUsage =
    "usage: crash-test --dir DIR [--cycles N] [--flush-mode MODE] [--seed N] [--power-cut TYPE] "
    "[--keep]\n"
    "\n"
    "  --dir DIR          a folder on the disk to be tested; made if it is not there\n"
    "  --cycles N         crashes; 20 if not given\n"
    "  --flush-mode MODE  normal, cautious (if not given) or emergency\n"
    "  --seed N           repeats the random moments of an earlier run, roughly\n"
    "  --power-cut TYPE   ext4 or xfs: cuts the power of such a file system, in a file in DIR, "
    "instead\n"
    "                     of killing the process; needs root, loop devices and mkfs\n"
    "  --keep             leaves the store (or the disk) there also when it passed\n"
    "\n"
    "Exits: 0 every cycle passed; 1 something acknowledged is missing or wrong; 2 nothing was "
    "proven.\n";

namespace {

Status refused(std::string_view name, std::string_view takes, const std::string& value) {
  return {Code::invalid,
          std::string(name) + " takes " + std::string(takes) + ", not `" + value + "`"};
}

bool take_number(std::string_view text, std::uint64_t& number) {
  const auto result = std::from_chars(text.data(), text.data() + text.size(), number);
  return result.ec == std::errc() && result.ptr == text.data() + text.size();
}

// An option with a value.
Status take(std::string_view name, const std::string& value, Arguments& into) {
  if (name == "--dir") {
    into.directory = value;
    return value.empty() ? refused(name, "a folder", value) : Status();
  }
  if (name == "--cycles") {
    return take_number(value, into.cycles) && into.cycles != 0
               ? Status()
               : refused(name, "a whole number from 1", value);
  }
  if (name == "--seed") {
    return take_number(value, into.seed) ? Status() : refused(name, "a whole number", value);
  }
  if (name == "--power-cut") {
    into.power_cut = value;
    return value == "ext4" || value == "xfs" ? Status() : refused(name, "ext4 or xfs", value);
  }
  if (name == "--flush-mode") {
    const auto mode = kifa::store::flush_mode_from(value);
    into.flush_mode = mode.value_or(into.flush_mode);
    return mode ? Status() : refused(name, "normal, cautious or emergency", value);
  }
  return {Code::invalid, "unknown option `" + std::string(name) + "`"};
}

}  // namespace

kifa::Result<Arguments> arguments_from(int count, char** words) {
  Arguments arguments;
  for (int i = 1; i < count; ++i) {
    const std::string_view name = words[i];
    if (name == "--help" || name == "-h") {
      arguments.help = true;
      return arguments;
    }
    if (name == "--keep") {
      arguments.keep = true;
      continue;
    }
    const bool has_value = i + 1 < count;
    KIFA_TRY(take(name, has_value ? words[i + 1] : "", arguments));
    ++i;
  }
  if (arguments.directory.empty()) {
    return Status(Code::invalid, "no folder given: name one on the disk to be tested with --dir");
  }
  return arguments;
}

}  // namespace crash
