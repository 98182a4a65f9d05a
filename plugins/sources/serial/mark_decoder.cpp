#include "plugins/sources/serial/mark_decoder.hpp"

#include <cstring>

namespace kifa::plugins::serial_source {

namespace {

constexpr std::uint8_t kMark = 0xFF;

}  // namespace

std::size_t MarkDecoder::decode(std::span<std::uint8_t> bytes) {
  std::size_t from = 0;
  if (state_ == State::plain) {
    const void* mark = bytes.empty() ? nullptr : std::memchr(bytes.data(), kMark, bytes.size());
    if (mark == nullptr) {
      return bytes.size();
    }
    from = static_cast<std::size_t>(static_cast<const std::uint8_t*>(mark) - bytes.data());
  }
  std::size_t kept = from;
  for (const std::uint8_t byte : bytes.subspan(from)) {
    switch (state_) {
      case State::plain:
        if (byte == kMark) {
          state_ = State::marked;
        } else {
          bytes[kept++] = byte;
        }
        break;
      case State::marked:
        state_ = byte == 0 ? State::wrong : State::plain;
        if (byte != 0) {
          bytes[kept++] = byte;  // the second FF
        }
        break;
      case State::wrong:
        state_ = State::plain;
        if (byte == 0) {
          ++breaks_;
        } else {
          ++wrong_bytes_;
          bytes[kept++] = byte;
        }
        break;
    }
  }
  return kept;
}

bool MarkDecoder::finish() {
  const bool is_half = state_ == State::marked;
  state_ = State::plain;
  return is_half;
}

}  // namespace kifa::plugins::serial_source
