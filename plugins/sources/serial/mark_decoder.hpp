#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace kifa::plugins::serial_source {

// Undoes what a terminal with PARMRK makes of its input: FF FF was one FF, FF 00 x is an x that
// came in wrong (parity, framing), FF 00 00 is a break.
//
// Every byte that was on the line is kept, those that came in wrong too: the check of a frame finds
// them, and what is thrown away nobody can look at. A break is no byte.
//
// Threads: confined.
class MarkDecoder final {
 public:
  // Decodes in place, at any cut of the input; returns how many bytes at the beginning are left.
  [[nodiscard]] std::size_t decode(std::span<std::uint8_t> bytes);
  // The input is over. True: it ended in one half of an FF FF, which is one FF more.
  [[nodiscard]] bool finish();
  // Forgets everything but the counts.
  void reset() { state_ = State::plain; }

  [[nodiscard]] std::uint64_t breaks() const { return breaks_; }
  [[nodiscard]] std::uint64_t wrong_bytes() const { return wrong_bytes_; }

 private:
  enum class State : std::uint8_t { plain, marked, wrong };

  State state_ = State::plain;
  std::uint64_t breaks_ = 0;
  std::uint64_t wrong_bytes_ = 0;
};

}  // namespace kifa::plugins::serial_source
