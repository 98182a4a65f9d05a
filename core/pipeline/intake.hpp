#pragma once

#include <kifa/plugin.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "core/pipeline/attributes.hpp"
#include "core/pipeline/outcomes.hpp"
#include "core/pipeline/packer.hpp"
#include "core/pipeline/source_parts.hpp"
#include "core/pipeline/stream_table.hpp"

namespace kifa::pipeline {

// The host's side of kifa_emitter: takes what a source emits during poll(), frames it, filters it
// and packs it. Everything that the source hands over ends in a record, in a counter, or in a gap.
//
// Threads: confined to the source's thread.
// Limits:  kUnfinishedBytesMax over all streams: the stream that goes beyond is ended, what it had
//          becomes a PARTIAL record.
class Intake final : public FramerEvents {
 public:
  Intake(const SourceParts& parts, StreamTable& streams, Packer& packer, Outcomes& outcomes);

  // What poll() gets. wake_at() of the poll is kept until the next one.
  const kifa_emitter* begin_poll(bool draining);
  void end_poll();
  [[nodiscard]] std::int64_t wake_at() const { return wake_at_; }
  void clear_wake() { wake_at_ = kNoTime; }
  // True once after something was handed over.
  [[nodiscard]] bool take_activity() { return std::exchange(active_, false); }

  // Timers of framings and silent streams, for a poll that began at `now` and ran dry.
  void fire_timers(std::int64_t now);
  // The host ends every stream that is still open: unfinished bytes of resumable ones will be read
  // again, others become PARTIAL records.
  void end_streams();
  // After the streams are gone.
  void reset();
  void trim();

  Stream*& speaking() { return speaking_; }

  void framed_record(Bytes payload, std::uint64_t end_position, std::uint32_t flags) override;
  void framed_skip(std::uint64_t end_position, std::uint64_t bytes, std::uint32_t reason) override;
  void framed_reject(std::uint64_t end_position, std::uint64_t bytes) override;
  void framed_truncation(std::uint64_t bytes) override;
  void framed_reply(Bytes bytes) override;

 private:
  kifa_status open(const kifa_stream& stream);
  kifa_status open_new(const kifa_stream& stream);
  kifa_status chunk(const kifa_chunk& chunk);
  kifa_status feed(Stream& stream, const kifa_chunk& chunk);
  kifa_status record(std::uint64_t number, const kifa_record& record, std::uint64_t position);
  kifa_status gap(const kifa_gap& gap);
  kifa_status checkpoint(const kifa_checkpoint& checkpoint);

  void end_input(Stream& stream);
  // Ends one stream alone, because it cannot go on; the source hears it as NO_MEMORY and release().
  kifa_status give_up(Stream& stream, const std::string& reason);
  void reopen_framer(Stream& stream);
  void count_held(Stream& stream);
  void add_gap(const Stream& stream, std::uint32_t reason, std::uint64_t records,
               std::uint64_t bytes, std::string_view detail);
  kifa_status refuse(const std::string& what);

  const SourceParts& parts_;
  StreamTable& streams_;
  Packer& packer_;
  Outcomes& outcomes_;
  const AttributesPtr base_attributes_;  // kifa.pipeline, kifa.source
  AttributeCache attribute_cache_;
  const std::uint64_t unfinished_bytes_max_;

  kifa_emitter emitter_{};
  std::int64_t wake_at_ = kNoTime;
  bool active_ = false;
  std::uint64_t held_bytes_ = 0;  // unfinished, of all streams
  bool told_no_replies_ = false;
  bool refused_ = false;  // a contradiction of the source has been logged

  // Of the stream and chunk that a framing is working on.
  Stream* speaking_ = nullptr;
  AttributesPtr chunk_attributes_;  // null: those of the stream
  std::int64_t observed_unix_ns_ = 0;
};

}  // namespace kifa::pipeline
