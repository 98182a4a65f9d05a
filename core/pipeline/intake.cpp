#include "core/pipeline/intake.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "core/base/assert.hpp"
#include "core/base/limits.hpp"
#include "core/pipeline/limits.hpp"

namespace kifa::pipeline {

namespace {

AttributesPtr base_attributes(const SourceParts& parts) {
  const std::array<kifa_attr, 2> attrs = {{{to_abi("kifa.pipeline"), to_abi(parts.pipeline)},
                                           {to_abi("kifa.source"), to_abi(parts.name)}}};
  return std::make_shared<const AttributeSet>(nullptr, attrs);
}

std::span<const kifa_attr> attrs_of(const kifa_attr* attrs, std::uint32_t count) {
  return {attrs, attrs == nullptr ? 0 : count};
}

std::string text_of(kifa_bytes bytes) {
  return bytes.size == 0 ? std::string()
                         : std::string(reinterpret_cast<const char*>(bytes.data), bytes.size);
}

// A set of its own for every record: no other one will have this offset.
AttributesPtr with_offset(const AttributesPtr& base, std::uint64_t offset) {
  const std::string text = std::to_string(offset);
  const kifa_attr attr{to_abi("offset"), to_abi(text)};
  return std::make_shared<const AttributeSet>(base.get(), std::span(&attr, 1));
}

}  // namespace

Intake::Intake(const SourceParts& parts, StreamTable& streams, Packer& packer, Outcomes& outcomes)
    : parts_(parts),
      streams_(streams),
      packer_(packer),
      outcomes_(outcomes),
      base_attributes_(base_attributes(parts)),
      unfinished_bytes_max_(
          std::max(kUnfinishedBytesMax,
                   2 * parts.options.framer.record_bytes_max + kFramingOverheadMax + kCarryStep)) {
  emitter_.struct_size = sizeof(emitter_);
  emitter_.ctx = this;
  emitter_.open = [](const kifa_emitter* out, const kifa_stream* stream) noexcept -> kifa_status {
    return static_cast<Intake*>(out->ctx)->open(*stream);
  };
  emitter_.chunk = [](const kifa_emitter* out, const kifa_chunk* chunk) noexcept -> kifa_status {
    return static_cast<Intake*>(out->ctx)->chunk(*chunk);
  };
  emitter_.record = [](const kifa_emitter* out, std::uint64_t stream, const kifa_record* record,
                       std::uint64_t position) noexcept -> kifa_status {
    return static_cast<Intake*>(out->ctx)->record(stream, *record, position);
  };
  emitter_.gap = [](const kifa_emitter* out, const kifa_gap* gap) noexcept -> kifa_status {
    return static_cast<Intake*>(out->ctx)->gap(*gap);
  };
  emitter_.checkpoint = [](const kifa_emitter* out,
                           const kifa_checkpoint* checkpoint) noexcept -> kifa_status {
    return static_cast<Intake*>(out->ctx)->checkpoint(*checkpoint);
  };
  emitter_.wake_at = [](const kifa_emitter* out, std::int64_t mono_ns) noexcept {
    Intake& intake = *static_cast<Intake*>(out->ctx);
    intake.wake_at_ = std::min(intake.wake_at_, mono_ns);
  };
}

const kifa_emitter* Intake::begin_poll(bool draining) {
  wake_at_ = kNoTime;
  emitter_.flags = draining ? static_cast<std::uint32_t>(KIFA_EMIT_DRAIN) : 0;
  emitter_.room = packer_.room();
  packer_.begin_poll();
  return &emitter_;
}

void Intake::end_poll() { packer_.end_poll(); }

// A source that contradicts itself is told so, and the log once.
kifa_status Intake::refuse(const std::string& what) {
  if (!std::exchange(refused_, true)) {
    parts_.log->error(
        fmt::format("{}: the source breaks its contract: {}; report this to the plugin's vendor",
                    parts_.source->name(), what));
  }
  return KIFA_INVALID;
}

// ---- streams ----

kifa_status Intake::open(const kifa_stream& stream) {
  const bool resumable = (stream.flags & KIFA_STREAM_RESUMABLE) != 0;
  if (stream.key.size > limits::kCheckpointKeyBytesMax ||
      stream.state.size > limits::kCheckpointStateBytesMax) {
    return refuse(fmt::format("the key or state of stream {} is too long", stream.stream));
  }
  if (resumable && stream.key.size == 0) {
    return refuse(fmt::format("stream {} is resumable and has no key", stream.stream));
  }
  active_ = true;
  Stream* known = streams_.find(stream.stream);
  if (known == nullptr) {
    return open_new(stream);
  }
  if (known->input_ended) {
    return refuse(fmt::format("stream {} was opened again after its end", stream.stream));
  }
  known->state = text_of(stream.state);
  known->attributes =
      attribute_cache_.extend(base_attributes_, attrs_of(stream.attrs, stream.attr_count));
  if (known->is_resumable()) {
    packer_.add_open(*known);
  }
  return KIFA_OK;
}

kifa_status Intake::open_new(const kifa_stream& stream) {
  if (streams_.size() >= limits::kCheckpointStreamsMax) {
    return KIFA_NO_MEMORY;
  }
  std::unique_ptr<StreamFramer> framer;
  if (parts_.framing != nullptr) {
    Result<std::unique_ptr<StreamFramer>> opened =
        StreamFramer::open(*parts_.framing, parts_.options.framer, *parts_.clock, stream);
    if (!opened) {
      parts_.log->error(opened.error().message());
      return KIFA_NO_MEMORY;
    }
    framer = std::move(*opened);
  }
  Stream& fresh = streams_.add(stream.stream);
  fresh.flags = stream.flags;
  fresh.key = std::string(to_view(stream.key));
  fresh.state = text_of(stream.state);
  fresh.position = stream.position;
  fresh.framer = std::move(framer);
  fresh.attributes =
      attribute_cache_.extend(base_attributes_, attrs_of(stream.attrs, stream.attr_count));
  if (fresh.attributes->dropped() != 0) {
    parts_.log->warn(fmt::format("{} attributes of stream {} are beyond the limits and left out",
                                 fresh.attributes->dropped(), stream.stream));
  }
  if (fresh.is_resumable()) {
    packer_.add_open(fresh);
  }
  if (parts_.options.ack.wanted() && !fresh.takes_replies() &&
      !std::exchange(told_no_replies_, true)) {
    parts_.log->warn(
        "`ack` is set, but this source takes no answers as it is configured; "
        "senders hear nothing");
  }
  return KIFA_OK;
}

// ---- bytes ----

kifa_status Intake::chunk(const kifa_chunk& chunk) {
  Stream* stream = streams_.find(chunk.stream);
  if (stream != nullptr && stream->given_up) {
    return KIFA_NO_MEMORY;
  }
  if (stream == nullptr || stream->input_ended) {
    return refuse(fmt::format("it gave bytes of stream {}, which is not open", chunk.stream));
  }
  if (stream->framer == nullptr) {
    return refuse("it gave bytes, but was declared to give whole records");
  }
  if (chunk.data.size != 0 && (packer_.room() == 0 || packer_.must_end_poll())) {
    emitter_.room = 0;
    return KIFA_AGAIN;
  }
  active_ = true;
  SourceCounters::add(parts_.counters->bytes_in, chunk.data.size);
  observed_unix_ns_ =
      chunk.observed_unix_ns != 0 ? chunk.observed_unix_ns : parts_.clock->now_unix_ns();
  if (chunk.attr_count != 0) {
    chunk_attributes_ =
        attribute_cache_.extend(stream->attributes, attrs_of(chunk.attrs, chunk.attr_count));
  }
  const kifa_status status = feed(*stream, chunk);
  chunk_attributes_ = nullptr;
  emitter_.room = packer_.room();
  return status;
}

kifa_status Intake::feed(Stream& stream, const kifa_chunk& chunk) {
  StreamFramer& framer = *stream.framer;
  speaking_ = &stream;
  Status status;
  if (chunk.data.size != 0 || stream.is_datagram()) {
    status = framer.feed({chunk.data.data, chunk.data.size}, chunk.position, *this);
  }
  if (status && (chunk.flags & KIFA_CHUNK_END) != 0) {
    status = stream.is_datagram() ? Status() : framer.end(*this);
    end_input(stream);
  }
  count_held(stream);
  speaking_ = nullptr;
  if (!status) {
    return give_up(stream, status.message());
  }
  if (held_bytes_ > unfinished_bytes_max_ && stream.held_bytes != 0) {
    return give_up(stream, fmt::format("unfinished records of this source together are longer "
                                       "than {} bytes",
                                       unfinished_bytes_max_));
  }
  if (!stream.input_ended) {
    const std::int64_t timeout = stream.is_resumable() && !parts_.options.idle_timeout_explicit
                                     ? 0
                                     : parts_.options.idle_timeout_ns;
    stream.idle_at =
        timeout != 0 && framer.unfinished() ? parts_.clock->now_mono_ns() + timeout : kNoTime;
    streams_.schedule(stream);
  }
  return KIFA_OK;
}

void Intake::end_input(Stream& stream) {
  if (!std::exchange(stream.input_ended, true)) {
    stream.idle_at = kNoTime;
    stream.timer_at = kNoTime;
    outcomes_.ended(stream);
  }
}

kifa_status Intake::give_up(Stream& stream, const std::string& reason) {
  parts_.log->warn(fmt::format("stream {} is ended: {}", stream.number, reason));
  speaking_ = &stream;
  if (!stream.input_ended) {
    if (stream.is_resumable()) {
      stream.framer->discard();
    } else {
      stream.framer->give_up(*this);
    }
    add_gap(stream, KIFA_GAP_OTHER, 0, 0, reason);
  }
  speaking_ = nullptr;
  stream.given_up = true;
  end_input(stream);
  count_held(stream);
  return KIFA_NO_MEMORY;
}

void Intake::count_held(Stream& stream) {
  const std::uint64_t held = stream.framer->held_bytes();
  held_bytes_ = held_bytes_ - stream.held_bytes + held;
  stream.held_bytes = held;
}

void Intake::framed_record(Bytes payload, std::uint64_t end_position, std::uint32_t flags) {
  Stream& stream = *speaking_;
  if (parts_.filter != nullptr && !parts_.filter->keeps(payload)) {
    packer_.add_filtered(stream, end_position, flags);
    return;
  }
  if ((flags & KIFA_RECORD_PARTIAL) != 0) {
    SourceCounters::add(parts_.counters->records_partial, 1);
  }
  const AttributesPtr& attributes =
      chunk_attributes_ != nullptr ? chunk_attributes_ : stream.attributes;
  if (stream.gives_offsets()) [[unlikely]] {
    packer_.add_record(stream, with_offset(attributes, stream.position), payload, observed_unix_ns_,
                       flags, end_position);
    return;
  }
  packer_.add_record(stream, attributes, payload, observed_unix_ns_, flags, end_position);
}

void Intake::framed_skip(std::uint64_t end_position, std::uint64_t bytes, std::uint32_t reason) {
  packer_.add_move(*speaking_, end_position);
  if (reason != KIFA_GAP_DELIMITER) {
    SourceCounters::add(parts_.counters->bytes_skipped, bytes);
    add_gap(*speaking_, reason, 0, bytes, "bytes that belong to no record");
  }
}

void Intake::framed_reject(std::uint64_t end_position, std::uint64_t bytes) {
  SourceCounters::add(parts_.counters->records_rejected, 1);
  SourceCounters::add(parts_.counters->bytes_dropped, bytes);
  packer_.add_rejected(*speaking_, end_position);
  add_gap(*speaking_, KIFA_GAP_OVERSIZE, 1, bytes,
          fmt::format("longer than record_bytes_max ({})", parts_.options.framer.record_bytes_max));
}

void Intake::framed_truncation(std::uint64_t bytes) {
  SourceCounters::add(parts_.counters->records_truncated, 1);
  SourceCounters::add(parts_.counters->bytes_dropped, bytes);
}

void Intake::framed_reply(Bytes bytes) { outcomes_.queue_reply(*speaking_, bytes); }

// ---- whole records, gaps, checkpoints ----

kifa_status Intake::record(std::uint64_t number, const kifa_record& record,
                           std::uint64_t position) {
  Stream* stream = streams_.find(number);
  if (stream == nullptr || stream->input_ended) {
    return refuse(fmt::format("it gave a record of stream {}, which is not open", number));
  }
  if (packer_.room() == 0 || packer_.must_end_poll()) {
    emitter_.room = 0;
    return KIFA_AGAIN;
  }
  active_ = true;
  SourceCounters::add(parts_.counters->bytes_in, record.payload.size);
  Bytes payload(record.payload.data, record.payload.size);
  std::uint32_t flags = record.flags;
  const std::uint64_t most = parts_.options.framer.record_bytes_max;
  if (payload.size() > most) {
    framed_truncation(payload.size() - most);
    payload = payload.first(static_cast<std::size_t>(most));
    flags |= static_cast<std::uint32_t>(KIFA_RECORD_TRUNCATED);
  }
  observed_unix_ns_ =
      record.observed_unix_ns != 0 ? record.observed_unix_ns : parts_.clock->now_unix_ns();
  if (record.attr_count != 0) {
    chunk_attributes_ =
        attribute_cache_.extend(stream->attributes, attrs_of(record.attrs, record.attr_count));
  }
  speaking_ = stream;
  framed_record(payload, position, flags);
  speaking_ = nullptr;
  chunk_attributes_ = nullptr;
  emitter_.room = packer_.room();
  return KIFA_OK;
}

kifa_status Intake::gap(const kifa_gap& gap) {
  active_ = true;
  SourceCounters::add(parts_.counters->gaps, 1);
  packer_.add_gap(gap);
  return KIFA_OK;
}

void Intake::add_gap(const Stream& stream, std::uint32_t reason, std::uint64_t records,
                     std::uint64_t bytes, std::string_view detail) {
  SourceCounters::add(parts_.counters->gaps, 1);
  packer_.add_gap({sizeof(kifa_gap), reason, stream.number, records, bytes, to_abi(detail)});
}

kifa_status Intake::checkpoint(const kifa_checkpoint& checkpoint) {
  if (checkpoint.key.size == 0 || checkpoint.key.size > limits::kCheckpointKeyBytesMax ||
      checkpoint.state.size > limits::kCheckpointStateBytesMax) {
    return refuse("the key or state of a checkpoint is empty or too long");
  }
  active_ = true;
  if ((checkpoint.flags & KIFA_CHECKPOINT_FORGET) == 0) {
    packer_.add_checkpoint(checkpoint);
    return KIFA_OK;
  }
  if (Stream* stream = streams_.find_key(to_view(checkpoint.key))) {
    stream->forgotten = true;
  }
  packer_.add_forget(to_view(checkpoint.key));
  return KIFA_OK;
}

// ---- time and ends ----

void Intake::fire_timers(std::int64_t now) {
  while (Stream* stream = streams_.take_due(now)) {
    StreamFramer& framer = *stream->framer;
    observed_unix_ns_ = parts_.clock->now_unix_ns();
    speaking_ = stream;
    Status status;
    if (framer.wake_at() <= now) {
      framer.clear_wake();
      status = framer.tick(*this);
    }
    if (status && stream->idle_at <= now) {
      stream->idle_at = kNoTime;
      status = framer.end(*this);
      reopen_framer(*stream);
    }
    count_held(*stream);
    speaking_ = nullptr;
    if (!status) {
      give_up(*stream, status.message());
    } else if (!stream->input_ended) {
      streams_.schedule(*stream);
    }
  }
}

// After its end a framing's state is used up; the stream goes on with a new one.
void Intake::reopen_framer(Stream& stream) {
  kifa_stream again{};
  again.struct_size = sizeof(again);
  again.flags = stream.flags;
  again.stream = stream.number;
  again.position = stream.position;
  again.key = to_abi(stream.key);
  again.state = {reinterpret_cast<const std::uint8_t*>(stream.state.data()), stream.state.size()};
  const std::span<const kifa_attr> attrs = stream.attributes->attrs();
  again.attrs = attrs.data();
  again.attr_count = static_cast<std::uint32_t>(attrs.size());
  Result<std::unique_ptr<StreamFramer>> opened =
      StreamFramer::open(*parts_.framing, parts_.options.framer, *parts_.clock, again);
  if (opened) {
    stream.framer = std::move(*opened);
  } else {
    give_up(stream, opened.error().message());
  }
}

void Intake::end_streams() {
  observed_unix_ns_ = parts_.clock->now_unix_ns();
  streams_.for_each([this](Stream& stream) {
    if (stream.input_ended) {
      return;
    }
    speaking_ = &stream;
    if (stream.framer != nullptr) {
      if (stream.is_resumable()) {
        stream.framer->discard();
      } else if (!stream.is_datagram()) {
        const Status status = stream.framer->end(*this);
        if (!status) {
          parts_.log->warn(status.message());
        }
      }
      count_held(stream);
    }
    speaking_ = nullptr;
    end_input(stream);
  });
}

void Intake::reset() {
  held_bytes_ = 0;
  attribute_cache_.clear();
}

void Intake::trim() {
  attribute_cache_.clear();
  streams_.for_each([](Stream& stream) {
    if (stream.framer != nullptr) {
      stream.framer->trim();
    }
  });
}

}  // namespace kifa::pipeline
