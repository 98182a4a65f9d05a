#include <fmt/format.h>

#include <array>
#include <charconv>

#include "core/store/verify.hpp"

// Anchors and faults as people write them.
namespace kifa::store {

namespace {

std::optional<std::uint64_t> number_in(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_number = !text.empty() && failed == std::errc() && end == text.data() + text.size();
  return is_number ? std::optional(number) : std::nullopt;
}

bool read_digest(std::string_view text, Digest& digest) {
  if (text.size() != 2 * digest.size()) {
    return false;
  }
  for (std::size_t i = 0; i < digest.size(); ++i) {
    const char* begin = text.data() + 2 * i;
    const auto [end, failed] = std::from_chars(begin, begin + 2, digest[i], 16);
    if (failed != std::errc() || end != begin + 2) {
      return false;
    }
  }
  return true;
}

}  // namespace

std::string to_string(const Anchor& anchor) {
  std::string text = fmt::format("{}:{}:", anchor.first.value, anchor.last.value);
  for (const std::uint8_t byte : anchor.digest) {
    text += fmt::format("{:02x}", byte);
  }
  return text;
}

Result<Anchor> anchor_from(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::size_t second = colon == std::string_view::npos ? colon : text.find(':', colon + 1);
  Anchor anchor;
  if (second != std::string_view::npos) {
    const auto first = number_in(text.substr(0, colon));
    const auto last = number_in(text.substr(colon + 1, second - colon - 1));
    if (first && last && read_digest(text.substr(second + 1), anchor.digest)) {
      anchor.first = {*first};
      anchor.last = {*last};
      return anchor;
    }
  }
  return Status(Code::invalid,
                fmt::format("`{}` is no anchor; one is FIRST:LAST: and 64 hexadecimal digits, as "
                            "`kifa verify` prints it",
                            text));
}

std::string_view to_string(FaultKind kind) {
  constexpr std::array<std::string_view, 9> kNames = {
      "manifest", "table", "chain", "checkpoints", "log", "status", "cursor", "records", "anchor"};
  return kNames.at(static_cast<std::size_t>(kind));
}

}  // namespace kifa::store
