#pragma once

#include <kifa/sdk.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "plugins/framings/stx_etx/answers.hpp"
#include "plugins/framings/stx_etx/frame_format.hpp"

namespace kifa::plugins {

// Frames, by what was wrong with them.
struct FrameCounters {
  sdk::Metric bad_check, bad_stuffing, too_long, cut, resent;
};

struct FrameOptions {
  FrameFormat format;
  AnswerOptions answering;
  std::size_t frame_max = 0;  // on the line, with everything
  bool keep_frame = false;
  bool drops_resends = false;
  std::array<bool, 256> is_ignored{};  // between frames
  FrameCounters counters;
};

// Finds the frames of one stream. Every byte moves it one step, so it does not matter where the
// bytes were cut; what is unfinished stays in the view.
//
// Threads: confined.
// Limits:  a view without a whole frame is at most frame_max bytes long.
class FrameStream final {
 public:
  FrameStream(const FrameOptions& options, std::shared_ptr<Answers> answers, bool may_reply);

  void feed(sdk::View view, sdk::FramingOut out);
  void durable(sdk::FramingOut out, std::span<const kifa_outcome> outcomes);
  // Nothing is called any more.
  [[nodiscard]] std::shared_ptr<Answers> give_answers() { return std::move(answers_); }

 private:
  enum class State : std::uint8_t { outside, outside_dle, inside, inside_dle, check };

  // How far one view has been cut.
  struct Cut {
    sdk::Bytes bytes;
    sdk::FramingOut out;
    std::size_t used;

    void skip(std::size_t to, std::uint32_t reason);
  };

  [[nodiscard]] const FrameFormat& format() const { return options_.format; }

  // Take the byte at `at`; give the place to go on.
  std::size_t step(Cut& cut, std::size_t at);
  std::size_t step_inside(Cut& cut, std::size_t at);
  std::size_t step_behind_dle(Cut& cut, std::size_t at);

  void open(std::size_t at) { begin_ = last_start_ = at; }
  // The frame that was begun earlier was cut off.
  void begin_at_last_start(Cut& cut);
  // `to`: behind a byte of the body.
  std::size_t limited(Cut& cut, std::size_t to);
  std::size_t close(Cut& cut, std::size_t at);
  // `to`: behind the check.
  std::size_t judge(Cut& cut, std::size_t to);
  [[nodiscard]] bool is_whole(const Cut& cut, std::size_t to);
  [[nodiscard]] sdk::Bytes body(const Cut& cut, std::size_t end) const;
  void bad(Cut& cut, std::size_t to, const sdk::Metric& reason);
  void record(Cut& cut, std::size_t to);
  // Bytes of no frame: each run of one kind is one skip.
  void skip_outside(Cut& cut, std::size_t to) const;
  void finish(Cut& cut);

  const FrameOptions& options_;
  std::shared_ptr<Answers> answers_;
  const bool may_reply_;
  State state_ = State::outside;
  // Places in the view: of the frame's start, of the last start byte in it, behind its end byte.
  std::size_t begin_ = 0;
  std::size_t last_start_ = 0;
  std::size_t end_ = 0;
  sdk::Bytes payload_;  // of the frame that is judged
  std::vector<std::uint8_t> scratch_;
};

}  // namespace kifa::plugins
