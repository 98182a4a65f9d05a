#include "core/pipeline/outcomes.hpp"

#include <algorithm>
#include <utility>

#include "core/base/assert.hpp"
#include "core/pipeline/limits.hpp"

namespace kifa::pipeline {

namespace {

Bytes as_bytes(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace

Outcomes::Outcomes(const SourceParts& parts, StreamTable& streams, Packer& packer)
    : parts_(parts), streams_(streams), packer_(packer), acks_(parts.options.ack) {}

void Outcomes::deliver(FramerEvents& events, Stream*& speaking) {
  while (const BatchPtr batch = packer_.pop_settled()) {
    count(*batch);
    deliver_batch(*batch, events, speaking);
    copy(batch);
    if (acks_.wanted()) {
      send_replies();  // before the next batch, so that no more than one batch of answers is kept
    }
  }
}

void Outcomes::count(const Batch& batch) const {
  SourceCounters& counters = *parts_.counters;
  SourceCounters::add(batch.status() < 0 ? counters.records_failed : counters.records_acknowledged,
                      batch.record_count());
  SourceCounters::add(counters.records_filtered, batch.filtered_count());
}

void Outcomes::deliver_batch(Batch& batch, FramerEvents& events, Stream*& speaking) {
  std::uint64_t lsn = batch.first_lsn();
  std::size_t record = 0;
  for (const Run& run : batch.runs()) {
    Stream& stream = *run.stream;
    stream.told_in = batch.sequence();
    stream.told_position = run.end_position;
    if (run.count != 0 && run.fate != Fate::rejected && stream.framer != nullptr &&
        stream.framer->wants_outcomes()) {
      speaking = &stream;
      tell_framing(stream, run, lsn, batch.status(), events);
      speaking = nullptr;
    }
    if (acks_.wanted() && stream.takes_replies()) {
      answer(stream, run, batch, record);
    }
    const std::uint32_t kept = run.fate == Fate::kept ? run.count : 0;
    lsn += lsn == 0 ? 0 : kept;
    record += kept;
  }
  const kifa_source& calls = *parts_.source->source();
  for (Stream* stream : batch.touched()) {
    KIFA_ASSERT(stream->unsettled > 0);
    --stream->unsettled;
    if (stream->told_in == batch.sequence() && calls.acknowledge != nullptr) {
      calls.acknowledge(parts_.source->raw(), stream->number, stream->told_position,
                        batch.status());
    }
  }
}

void Outcomes::tell_framing(Stream& stream, const Run& run, std::uint64_t first_lsn,
                            kifa_status status, FramerEvents& events) {
  for (std::uint32_t told = 0; told < run.count;) {
    const std::uint32_t part = std::min(run.count - told, static_cast<std::uint32_t>(kOutcomesMax));
    outcomes_.clear();
    for (std::uint32_t i = 0; i < part; ++i) {
      if (run.fate == Fate::filtered) {
        outcomes_.push_back({0, KIFA_OK, KIFA_OUTCOME_FILTERED});
      } else {
        const std::uint64_t lsn = status < 0 || first_lsn == 0 ? 0 : first_lsn + told + i;
        outcomes_.push_back({lsn, status, 0});
      }
    }
    stream.framer->durable(outcomes_.data(), part, events);
    told += part;
  }
}

// A record that was cut in pieces has one sender, who waits for one answer: that to its last piece.
void Outcomes::answer(Stream& stream, const Run& run, const Batch& batch,
                      std::size_t first_record) {
  const kifa_status status = batch.status();
  for (std::uint32_t i = 0; i < run.count - run.continued; ++i) {
    const std::size_t record = first_record + i;
    if (run.fate == Fate::kept && (batch.view().records[record].flags & KIFA_RECORD_SPLIT) != 0) {
      continue;
    }
    if (run.fate == Fate::rejected) {
      acks_.add_error("longer than record_bytes_max", answers_);
    } else if (status < 0) {
      acks_.add_error(refusal_of(status), answers_);
    } else {
      const bool has_lsn = run.fate == Fate::kept && batch.first_lsn() != 0;
      acks_.add_ok(has_lsn ? batch.first_lsn() + record : 0, answers_);
    }
    if (answers_.size() >= kReplyBytesMax) {
      queue_reply(stream, as_bytes(answers_));
      answers_.clear();
    }
  }
  queue_reply(stream, as_bytes(answers_));
  answers_.clear();
}

// Copies are of what is durable, so they have LSNs and never show what the store refused.
void Outcomes::copy(const BatchPtr& batch) {
  if (parts_.copies.empty() || batch->status() < 0 || batch->record_count() == 0) {
    return;
  }
  batch->number_records();
  for (SinkWriter* copy : parts_.copies) {
    const bool taken = copy->submit(batch, false, nullptr);
    KIFA_ASSERT(taken);
  }
}

void Outcomes::queue_reply(Stream& stream, Bytes bytes) {
  if (bytes.empty()) {
    return;
  }
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (stream.replies.empty()) {
    replying_.push_back(stream.number);
  } else if (!stream.is_datagram() &&
             stream.replies.back().size() + text.size() <= kReplyBytesMax) {
    stream.replies.back().append(text);
    return;
  }
  stream.replies.emplace_back(text);
}

void Outcomes::send_replies() {
  for (const std::uint64_t number : std::exchange(replying_, {})) {
    if (Stream* stream = streams_.find(number)) {
      send(*stream);
    }
  }
}

void Outcomes::send(Stream& stream) const {
  const kifa_source& calls = *parts_.source->source();
  for (const std::string& reply : std::exchange(stream.replies, {})) {
    kifa_error error = plugin::empty_error();
    const kifa_bytes bytes{reinterpret_cast<const std::uint8_t*>(reply.data()), reply.size()};
    const kifa_status status = calls.reply != nullptr
                                   ? calls.reply(parts_.source->raw(), stream.number, bytes, &error)
                                   : KIFA_UNSUPPORTED;
    if (status != KIFA_OK) {
      SourceCounters::add(parts_.counters->replies_failed, 1);
    }
  }
}

void Outcomes::release_settled() {
  if (ended_.empty()) {
    return;
  }
  const kifa_source& calls = *parts_.source->source();
  std::erase_if(ended_, [&](std::uint64_t number) {
    const Stream* stream = streams_.find(number);
    if (stream == nullptr) {
      return true;
    }
    if (stream->unsettled != 0 || !stream->replies.empty()) {
      return false;
    }
    streams_.erase(number);
    if (calls.release != nullptr) {
      calls.release(parts_.source->raw(), number);
    }
    return true;
  });
}

void Outcomes::release_all() {
  const kifa_source& calls = *parts_.source->source();
  if (calls.release != nullptr) {
    streams_.for_each([&](Stream& stream) { calls.release(parts_.source->raw(), stream.number); });
  }
  ended_.clear();
  replying_.clear();
  streams_.clear();
}

}  // namespace kifa::pipeline
