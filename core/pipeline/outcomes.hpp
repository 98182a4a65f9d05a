#pragma once

#include <kifa/plugin.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/pipeline/acks.hpp"
#include "core/pipeline/batch.hpp"
#include "core/pipeline/packer.hpp"
#include "core/pipeline/source_parts.hpp"
#include "core/pipeline/stream_table.hpp"

namespace kifa::pipeline {

// Brings back to the source what became of its records: framing.durable(), the answers of the
// option `ack` and acknowledge() per stream in the order of emission, replies, and release() once a
// stream that has ended is settled and replied. Also hands durable batches on to best-effort sinks.
//
// Never inside poll(): the source's engine calls it between polls.
//
// Threads: confined to the source's thread.
class Outcomes final {
 public:
  // `events` takes what a framing says while it hears of outcomes; `speaking` is set to the stream
  // that it speaks for.
  Outcomes(const SourceParts& parts, StreamTable& streams, Packer& packer);

  // Everything that is settled by now.
  void deliver(FramerEvents& events, Stream*& speaking);
  // Keeps a reply until send_replies().
  void queue_reply(Stream& stream, Bytes bytes);
  void send_replies();
  // Streams that were noted with ended() and have nothing outstanding are released and forgotten.
  void release_settled();
  void ended(const Stream& stream) { ended_.push_back(stream.number); }
  // Releases every stream, settled or not: the source is about to be stopped.
  void release_all();
  [[nodiscard]] bool has_replies() const { return !replying_.empty(); }

 private:
  void deliver_batch(Batch& batch, FramerEvents& events, Stream*& speaking);
  void tell_framing(Stream& stream, const Run& run, std::uint64_t first_lsn, kifa_status status,
                    FramerEvents& events);
  // Answers whoever sent the records of `run`; the first one that was kept is `first_record` of the
  // batch.
  void answer(Stream& stream, const Run& run, const Batch& batch, std::size_t first_record);
  void count(const Batch& batch) const;
  void copy(const BatchPtr& batch);
  void send(Stream& stream) const;

  const SourceParts& parts_;
  StreamTable& streams_;
  Packer& packer_;
  const Acks acks_;
  std::vector<std::uint64_t> replying_;  // streams with replies
  std::vector<std::uint64_t> ended_;
  std::vector<kifa_outcome> outcomes_;  // scratch
  std::string answers_;                 // scratch
};

}  // namespace kifa::pipeline
