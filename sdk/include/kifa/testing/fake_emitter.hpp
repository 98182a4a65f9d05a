#pragma once

#include <kifa/plugin.h>
#include <kifa/sdk/source.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace kifa::testing {

// Takes what a source emits, as much as it has room for, and keeps a copy of it. It also holds the
// source to the contract: what is wrong stands in `faults`.
//
// Threads: confined.
class FakeEmitter final {
 public:
  struct OpenedStream {
    std::uint32_t flags = 0;
    std::uint64_t position = 0;
    std::string key, state;
    std::map<std::string, std::string> attrs;
    std::string bytes;         // all chunks, one behind the other
    std::uint64_t jumped = 0;  // bytes that positions leave out between them
    bool ended = false;
  };
  struct Datagram {
    std::uint64_t stream = 0;
    std::string bytes;
    std::map<std::string, std::string> attrs;
    std::int64_t observed_unix_ns = 0;
    std::uint64_t position = 0;
  };
  struct Record {
    std::uint64_t stream = 0;
    std::string payload;
    std::map<std::string, std::string> attrs;
    std::int64_t observed_unix_ns = 0;
    std::uint32_t flags = 0;
    std::uint64_t position = 0;
  };
  struct Gap {
    std::uint64_t stream = 0;
    std::uint32_t reason = 0;
    std::uint64_t records = 0, bytes = 0;
    std::string detail;
  };
  struct Checkpoint {
    std::string key, state;
    std::uint64_t position = 0;
    std::uint32_t flags = 0;
  };

  // `capacity`: bytes that are taken until set_capacity() gives room again.
  explicit FakeEmitter(std::uint64_t capacity = 1U << 20U) {
    table_.struct_size = sizeof table_;
    table_.ctx = this;
    table_.room = capacity;
    table_.open = &open;
    table_.chunk = &chunk;
    table_.record = &record;
    table_.gap = &gap;
    table_.checkpoint = &checkpoint;
    table_.wake_at = &wake_at;
  }
  FakeEmitter(const FakeEmitter&) = delete;
  FakeEmitter& operator=(const FakeEmitter&) = delete;
  ~FakeEmitter() = default;

  [[nodiscard]] const kifa_emitter* raw() const { return &table_; }
  [[nodiscard]] sdk::Emitter emitter() const { return sdk::Emitter(&table_); }

  void set_capacity(std::uint64_t bytes) { table_.room = bytes; }
  void set_draining() { table_.flags |= KIFA_EMIT_DRAIN; }
  // The next chunk, record, gap, checkpoint or open gets this answer instead.
  void fail_next(kifa_status status) { next_answer_ = status; }

  std::map<std::uint64_t, OpenedStream> streams;
  std::vector<Datagram> datagrams;  // chunks of DATAGRAM streams, which `streams` has too
  std::vector<Record> records;
  std::vector<Gap> gaps;
  std::vector<Checkpoint> checkpoints;
  std::uint64_t chunk_count = 0;
  std::optional<std::int64_t> wake_at_mono_ns;
  std::vector<std::string> faults;  // sentences

 private:
  static FakeEmitter& of(const kifa_emitter* out) { return *static_cast<FakeEmitter*>(out->ctx); }

  static std::map<std::string, std::string> copy(const kifa_attr* attrs, std::uint32_t count) {
    std::map<std::string, std::string> copied;
    for (std::uint32_t i = 0; i < count; ++i) {
      copied[std::string(sdk::text_of(attrs[i].key))] = sdk::text_of(attrs[i].value);
    }
    return copied;
  }
  static std::string copy(kifa_bytes bytes) { return std::string(sdk::text_of(bytes)); }
  static std::string copy(kifa_str text) { return std::string(sdk::text_of(text)); }

  // The answer that was set, or KIFA_OK.
  kifa_status answer() {
    const kifa_status status = next_answer_;
    next_answer_ = KIFA_OK;
    return status;
  }
  void fault(const std::string& sentence) { faults.push_back(sentence); }
  void follow(OpenedStream& stream, const kifa_chunk& chunk) {
    if ((stream.flags & KIFA_STREAM_DATAGRAM) != 0) {
      return;
    }
    const std::uint64_t expected = stream.position + stream.bytes.size() + stream.jumped;
    if (chunk.position < expected) {
      fault("a chunk with a position before the end of the last one");
    } else {
      stream.jumped += chunk.position - expected;
    }
  }
  // Takes `bytes` from the room, or says AGAIN.
  kifa_status take(std::uint64_t bytes) {
    if (const kifa_status status = answer(); status != KIFA_OK) {
      return status;
    }
    if (bytes > table_.room) {
      return KIFA_AGAIN;
    }
    table_.room -= bytes;
    return KIFA_OK;
  }

  static kifa_status open(const kifa_emitter* out, const kifa_stream* stream) noexcept {
    FakeEmitter& self = of(out);
    if (const kifa_status status = self.answer(); status != KIFA_OK) {
      return status;
    }
    const bool is_resumable = (stream->flags & KIFA_STREAM_RESUMABLE) != 0;
    if (stream->key.size > 128 || (is_resumable && stream->key.size == 0)) {
      self.fault("a RESUMABLE stream needs a key of 1 to 128 bytes");
    }
    if (stream->state.size > 1024) {
      self.fault("the state of a stream has at most 1 KiB");
    }
    const auto [at, is_new] = self.streams.try_emplace(stream->stream);
    OpenedStream& opened = at->second;
    if (opened.ended) {
      self.fault("the number of a stream that ended was used again");
    }
    opened.flags = stream->flags;
    if (is_new) {
      opened.position = stream->position;
    }
    opened.key = copy(stream->key);
    opened.state = copy(stream->state);
    opened.attrs = copy(stream->attrs, stream->attr_count);
    return KIFA_OK;
  }

  static kifa_status chunk(const kifa_emitter* out, const kifa_chunk* chunk) noexcept {
    FakeEmitter& self = of(out);
    const auto opened = self.streams.find(chunk->stream);
    if (opened == self.streams.end() || opened->second.ended) {
      self.fault("a chunk of a stream that is not open");
      return KIFA_INVALID;
    }
    if (const kifa_status status = self.take(chunk->data.size); status != KIFA_OK) {
      return status;
    }
    ++self.chunk_count;
    self.follow(opened->second, *chunk);
    opened->second.bytes += sdk::text_of(chunk->data);
    opened->second.ended = (chunk->flags & KIFA_CHUNK_END) != 0;
    if ((opened->second.flags & KIFA_STREAM_DATAGRAM) != 0) {
      self.datagrams.push_back({chunk->stream, copy(chunk->data),
                                copy(chunk->attrs, chunk->attr_count), chunk->observed_unix_ns,
                                chunk->position});
    } else if (chunk->attr_count != 0) {
      self.fault("a chunk with attributes of a stream that is not of datagrams");
    }
    return KIFA_OK;
  }

  static kifa_status record(const kifa_emitter* out, std::uint64_t stream,
                            const kifa_record* record, std::uint64_t position) noexcept {
    FakeEmitter& self = of(out);
    if (self.streams.find(stream) == self.streams.end()) {
      self.fault("a record of a stream that is not open");
      return KIFA_INVALID;
    }
    if (const kifa_status status = self.take(record->payload.size); status != KIFA_OK) {
      return status;
    }
    self.records.push_back({stream, copy(record->payload), copy(record->attrs, record->attr_count),
                            record->observed_unix_ns, record->flags, position});
    return KIFA_OK;
  }

  static kifa_status gap(const kifa_emitter* out, const kifa_gap* gap) noexcept {
    FakeEmitter& self = of(out);
    if (const kifa_status status = self.answer(); status != KIFA_OK) {
      return status;
    }
    self.gaps.push_back({gap->stream, gap->reason, gap->records, gap->bytes, copy(gap->detail)});
    return KIFA_OK;
  }

  static kifa_status checkpoint(const kifa_emitter* out, const kifa_checkpoint* point) noexcept {
    FakeEmitter& self = of(out);
    if (const kifa_status status = self.answer(); status != KIFA_OK) {
      return status;
    }
    self.checkpoints.push_back(
        {copy(point->key), copy(point->state), point->position, point->flags});
    return KIFA_OK;
  }

  static void wake_at(const kifa_emitter* out, std::int64_t mono_ns) noexcept {
    std::optional<std::int64_t>& earliest = of(out).wake_at_mono_ns;
    if (!earliest || mono_ns < *earliest) {
      earliest = mono_ns;
    }
  }

  kifa_emitter table_{};
  kifa_status next_answer_ = KIFA_OK;
};

}  // namespace kifa::testing
