#pragma once

#include <kifa/sdk.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace kifa::plugins {

inline constexpr std::uint8_t kDle = 0x10;

// How bytes that would end a frame are carried inside it.
enum class Stuffing : std::uint8_t {
  none,     // they are not
  doubled,  // start and end are two bytes, DLE and the byte; a DLE of the payload is sent twice
  escape,   // DLE goes before every byte that is to be taken as it is
};

enum class CheckKind : std::uint8_t { none, lrc, crc16_ccitt, crc16_kermit, crc16_arc };

// What a frame looks like on the line, and whether one is whole.
//
// Threads: never changes after it was configured.
struct FrameFormat {
  std::uint8_t start = 0;
  std::vector<std::uint8_t> ends;  // each of them ends a frame
  Stuffing stuffing = Stuffing::none;
  CheckKind check = CheckKind::none;
  std::uint16_t check_initial = 0;
  bool check_low_first = true;
  bool check_covers_start = false;
  bool check_covers_end = true;

  [[nodiscard]] bool is_end(std::uint8_t byte) const {
    for (const std::uint8_t end : ends) {
      if (byte == end) {
        return true;
      }
    }
    return false;
  }
  // Bytes of start and of end.
  [[nodiscard]] std::size_t mark_bytes() const { return stuffing == Stuffing::doubled ? 2 : 1; }
  [[nodiscard]] std::size_t check_bytes() const;

  // The payload of `body`, what stands between start and end. Where nothing was stuffed that is
  // `body` itself, else `scratch`. A DLE without its second byte is kept.
  [[nodiscard]] sdk::Bytes payload_of(sdk::Bytes body, std::vector<std::uint8_t>& scratch) const;
  // True when `sent`, the bytes behind the end, are the check of this payload.
  [[nodiscard]] bool is_whole(sdk::Bytes payload, std::uint8_t end, sdk::Bytes sent) const;
};

[[nodiscard]] Stuffing stuffing_from(std::string_view text);
[[nodiscard]] CheckKind check_from(std::string_view text);

}  // namespace kifa::plugins
