#include "plugins/framings/stx_etx/frame_format.hpp"

#include <algorithm>

namespace kifa::plugins {

namespace {

// One byte more into a check.
std::uint16_t stepped(CheckKind kind, std::uint16_t value, std::uint8_t byte) {
  constexpr std::uint32_t kCcitt = 0x1021;          // highest bit first
  constexpr std::uint32_t kCcittMirrored = 0x8408;  // lowest bit first
  constexpr std::uint32_t kArcMirrored = 0xA001;
  std::uint32_t register_bits = value;
  if (kind == CheckKind::lrc) {
    return static_cast<std::uint16_t>(register_bits ^ byte);
  }
  if (kind == CheckKind::crc16_ccitt) {
    register_bits ^= std::uint32_t{byte} << 8U;
    for (int bit = 0; bit < 8; ++bit) {
      register_bits = (register_bits << 1U) ^ ((register_bits & 0x8000U) != 0 ? kCcitt : 0U);
    }
    return static_cast<std::uint16_t>(register_bits & 0xFFFFU);
  }
  const std::uint32_t polynomial = kind == CheckKind::crc16_arc ? kArcMirrored : kCcittMirrored;
  register_bits ^= byte;
  for (int bit = 0; bit < 8; ++bit) {
    register_bits = (register_bits >> 1U) ^ ((register_bits & 1U) != 0 ? polynomial : 0U);
  }
  return static_cast<std::uint16_t>(register_bits);
}

}  // namespace

Stuffing stuffing_from(std::string_view text) {
  if (text == "doubled") {
    return Stuffing::doubled;
  }
  return text == "escape" ? Stuffing::escape : Stuffing::none;
}

CheckKind check_from(std::string_view text) {
  if (text == "lrc") {
    return CheckKind::lrc;
  }
  if (text == "crc16_ccitt") {
    return CheckKind::crc16_ccitt;
  }
  if (text == "crc16_kermit") {
    return CheckKind::crc16_kermit;
  }
  return text == "crc16_arc" ? CheckKind::crc16_arc : CheckKind::none;
}

std::size_t FrameFormat::check_bytes() const {
  if (check == CheckKind::none) {
    return 0;
  }
  return check == CheckKind::lrc ? 1 : 2;
}

sdk::Bytes FrameFormat::payload_of(sdk::Bytes body, std::vector<std::uint8_t>& scratch) const {
  if (stuffing == Stuffing::none || std::ranges::find(body, kDle) == body.end()) {
    return body;
  }
  scratch.clear();
  for (std::size_t at = 0; at < body.size(); ++at) {
    if (body[at] == kDle && at + 1 < body.size()) {
      ++at;
    }
    scratch.push_back(body[at]);
  }
  return scratch;
}

bool FrameFormat::is_whole(sdk::Bytes payload, std::uint8_t end, sdk::Bytes sent) const {
  if (check == CheckKind::none) {
    return true;
  }
  std::uint16_t value = check_initial;
  if (check_covers_start) {
    value = stepped(check, value, start);
  }
  for (const std::uint8_t byte : payload) {
    value = stepped(check, value, byte);
  }
  if (check_covers_end) {
    value = stepped(check, value, end);
  }
  if (check == CheckKind::lrc) {
    return sent[0] == value;
  }
  const std::uint32_t low = sent[check_low_first ? 0 : 1];
  const std::uint32_t high = sent[check_low_first ? 1 : 0];
  return (high << 8U | low) == value;
}

}  // namespace kifa::plugins
