#pragma once

#include <kifa/sdk.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>

namespace kifa::plugins {

// What an answering framing is configured to say.
struct AnswerOptions {
  bool replies = false;
  std::string ack;
  std::string nak;
  std::size_t sequence_offset = 0;
  std::size_t sequence_bytes = 0;  // 0: frames have no sequence field
};

// What the device at one stream has been told, and whether it sends a frame again.
//
// A record is answered when its outcome has come: never before it is durable. A device waits for
// one answer to one frame, so a frame that it sends again while the first is not answered gets none
// of its own: a second ACK would be taken for the answer to the frame after it.
//
// Frames are the same when a sequence field, if there is one, is the same as that of the frame
// before; without one, when all bytes are and the frame before was not answered yet. Equal bytes
// after an answer are a new frame: two equal sales are possible.
//
// Threads: confined.
// Limits:  one entry for each record without outcome, which the host limits; the last payload.
class Answers final {
 public:
  enum class Resend : std::uint8_t {
    no,
    same,     // the frame before, byte for byte
    changed,  // its sequence number with other bytes: not to be dropped
  };

  explicit Answers(const AnswerOptions& options) : options_(options) {}

  [[nodiscard]] Resend compare(sdk::Bytes payload) const;
  // A frame became a record.
  void recorded(sdk::Bytes payload, Resend resend);
  // Bytes became a record that nobody is to be answered for.
  void recorded_silently() { waiting_.push_back({0, false}); }
  // A frame was dropped as `same`.
  void dropped(sdk::FramingOut out, bool may_reply) const;
  // Outcomes in the order of the records.
  void settled(sdk::FramingOut out, std::span<const kifa_outcome> outcomes, bool may_reply);

 private:
  struct Waiting {
    std::uint64_t number;
    bool wants_answer;
  };

  [[nodiscard]] bool has_same_sequence(sdk::Bytes payload) const;

  const AnswerOptions& options_;
  std::deque<Waiting> waiting_;
  std::uint64_t count_ = 0;  // frames that were numbered
  // The last frame that is numbered.
  std::string last_;
  bool has_last_ = false;
  bool last_is_answered_ = false;
};

}  // namespace kifa::plugins
