#pragma once

#include <kifa/sdk/host.hpp>
#include <kifa/sdk/status.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace kifa::sdk {
inline namespace v1 {

// The structs that a source hands to its emitter, with room for designated initialisers:
//   out.open({.stream = 1, .flags = KIFA_STREAM_RESUMABLE, .key = path});
struct Stream {
  std::uint64_t stream = 0;    // number: never used twice in an instance's life
  std::uint32_t flags = 0;     // KIFA_STREAM_*
  std::uint64_t position = 0;  // offset of the next byte to come
  std::string_view key = {};   // RESUMABLE: lasting name, unique in the source
  Bytes state = {};            // the source's own, at most 1 KiB
  std::span<const kifa_attr> attrs = {};
};
struct Chunk {
  std::uint64_t stream = 0;
  Bytes data = {};
  std::uint64_t position = 0;             // offset of the first byte in the stream
  std::uint32_t flags = 0;                // KIFA_CHUNK_END
  std::int64_t observed_unix_ns = 0;      // 0: now
  std::span<const kifa_attr> attrs = {};  // DATAGRAM only: added to the stream's
};
struct Gap {
  std::uint64_t stream = 0;
  std::uint32_t reason = KIFA_GAP_OTHER;
  std::uint64_t records = 0;  // what is known to be lost; 0 where unknown
  std::uint64_t bytes = 0;
  std::string_view detail = {};
};
struct Checkpoint {
  std::string_view key = {};
  std::uint64_t position = 0;
  Bytes state = {};
  std::uint32_t flags = 0;  // KIFA_CHECKPOINT_FORGET
};

namespace detail {
[[nodiscard]] inline kifa_checkpoint to_abi_checkpoint(const Checkpoint& checkpoint) {
  return {static_cast<std::uint32_t>(sizeof(kifa_checkpoint)), checkpoint.flags,
          to_abi(checkpoint.key), checkpoint.position, to_abi(checkpoint.state)};
}
}  // namespace detail

// Where a source puts what it read; valid during poll(). All functions: KIFA_OK when taken; after
// anything else return from poll with that status, but for NO_MEMORY of chunk(): the host ended
// that stream, release() follows, go on with the others.
class Emitter final {
 public:
  explicit Emitter(const kifa_emitter* out) : out_(out) {}

  // Bytes that this poll may hand over; 0: replies, timers and upkeep only.
  [[nodiscard]] std::uint64_t room() const { return out_->room; }
  // Stopping: take in what the kernel has accepted, then return END.
  [[nodiscard]] bool draining() const { return (out_->flags & KIFA_EMIT_DRAIN) != 0; }

  // Before a stream's first chunk; again on an open stream: new state or attributes.
  [[nodiscard]] kifa_status open(const Stream& stream) const {
    const kifa_stream raw{static_cast<std::uint32_t>(sizeof(kifa_stream)),
                          stream.flags,
                          stream.stream,
                          stream.position,
                          to_abi(stream.key),
                          to_abi(stream.state),
                          stream.attrs.data(),
                          static_cast<std::uint32_t>(stream.attrs.size()),
                          0};
    return out_->open(out_, &raw);
  }
  // AGAIN: not taken; return from poll and hand it over again at the next one.
  [[nodiscard]] kifa_status chunk(const Chunk& chunk) const {
    const kifa_chunk raw{static_cast<std::uint32_t>(sizeof(kifa_chunk)),
                         chunk.flags,
                         chunk.stream,
                         chunk.position,
                         to_abi(chunk.data),
                         chunk.observed_unix_ns,
                         chunk.attrs.data(),
                         static_cast<std::uint32_t>(chunk.attrs.size()),
                         0};
    return out_->chunk(out_, &raw);
  }
  // KIFA_SOURCE_RECORDS: a whole record; `position` is the stream's position after it.
  [[nodiscard]] kifa_status record(std::uint64_t stream, const kifa_record& record,
                                   std::uint64_t position) const {
    return out_->record(out_, stream, &record, position);
  }
  // A loss: becomes a durable event at this place of the stream.
  [[nodiscard]] kifa_status gap(const Gap& gap) const {
    const kifa_gap raw{static_cast<std::uint32_t>(sizeof(kifa_gap)),
                       gap.reason,
                       gap.stream,
                       gap.records,
                       gap.bytes,
                       to_abi(gap.detail)};
    return out_->gap(out_, &raw);
  }
  // Covers everything emitted before; or, with FORGET, retires a key.
  [[nodiscard]] kifa_status checkpoint(const Checkpoint& checkpoint) const {
    const kifa_checkpoint raw = detail::to_abi_checkpoint(checkpoint);
    return out_->checkpoint(out_, &raw);
  }
  // Have poll called then, at the latest.
  void wake_at(std::int64_t mono_ns) const { out_->wake_at(out_, mono_ns); }

  [[nodiscard]] const kifa_emitter* raw() const { return out_; }

 private:
  const kifa_emitter* out_;
};

// Collects the descriptors that the host waits for.
class Descriptors final {
 public:
  Descriptors(kifa_fd* first, std::uint32_t capacity) : first_(first), capacity_(capacity) {}

  // `events` as of poll(2). KIFA_FD_INPUT: not waited for while there is no room.
  void add(int fd, short events, std::uint16_t flags = 0) {
    if (count_ < capacity_) {
      first_[count_] = {fd, events, flags};
    }
    ++count_;
  }
  [[nodiscard]] std::uint32_t count() const { return count_; }

 private:
  kifa_fd* first_;
  std::uint32_t capacity_;
  std::uint32_t count_ = 0;
};

// Reads bytes (KIFA_SOURCE_BYTES) or whole records (KIFA_SOURCE_RECORDS) from the outside.
//
// Threads: resume and those of Component on the control thread; the others serialised, on any host
//          thread. No two calls of one instance overlap.
class Source : public Component {
 public:
  using Component::Component;

  // All checkpoints of this source, before every start.
  virtual Status resume(const Strided<kifa_checkpoint>& /*checkpoints*/) { return {}; }
  // Reads what is there without waiting. OK: more at once; AGAIN: ran dry, wait for the
  // descriptors; END: finished; UNAVAILABLE: the host stops, backs off, resumes, starts.
  virtual Status poll(Emitter out, std::int64_t deadline_mono_ns) = 0;
  virtual void descriptors(Descriptors& /*out*/) {}
  // Everything of the stream up to `position` is settled with `status`.
  virtual void acknowledge(std::uint64_t /*stream*/, std::uint64_t /*position*/,
                           kifa_status /*status*/) {}
  // Sends all of it or fails; never called inside poll. Needs KIFA_SOURCE_REPLIES.
  virtual Status reply(std::uint64_t /*stream*/, Bytes /*bytes*/) {
    return Status::unsupported("this source cannot reply");
  }
  // After the stream's END: all is settled and replied, close it now.
  virtual void release(std::uint64_t /*stream*/) {}
};

}  // namespace v1
}  // namespace kifa::sdk
