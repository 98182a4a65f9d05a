#pragma once

#include <cstddef>
#include <cstdint>

#include "core/base/types.hpp"

// Limits of the pipeline runtime. The options of a configuration have their defaults where they are
// declared (core/config); these are the ones that nobody sets.
namespace kifa::pipeline {

// A batch up to this size is committed on the source's thread when the sink is idle: a second
// thread costs more than the write gains.
inline constexpr std::size_t kInlineBatchBytesMax = 64_KiB;
// Batches given to a sink in one write call.
inline constexpr std::size_t kGroupBatchesMax = 256;

// Unfinished bytes that all streams of one source may hold together.
inline constexpr std::uint64_t kUnfinishedBytesMax = 16_MiB;
// Bytes of a record that are not payload (delimiter, header, trailer) may be this many: a view is
// judged oversize only beyond record_bytes_max and this, so that chunk borders change nothing.
inline constexpr std::size_t kFramingOverheadMax = 4_KiB;
// While a record is unfinished, new bytes are appended to it in steps, so that the framing soon
// works on the source's own chunk again.
inline constexpr std::size_t kCarryFirstStep = 4_KiB;
inline constexpr std::size_t kCarryStep = 64_KiB;

// How long one poll of a source may work, so that replies and timers are not kept waiting.
inline constexpr std::int64_t kPollBudgetNs = 20'000'000;
// Descriptors of one source; more than this belong behind one epoll descriptor of its own.
inline constexpr std::uint32_t kDescriptorsMax = 512;
// A source that had no room is polled again when this part of the intake is free.
inline constexpr std::uint64_t kIntakeFreeShare = 4;

// A sink that said AGAIN or NO_SPACE is offered the rest on every settle, and by timer.
inline constexpr std::int64_t kOfferAgainMinNs = 100'000'000;
inline constexpr std::int64_t kOfferAgainMaxNs = 1'000'000'000;
// A sink without space is told of when it has taken nothing for so long: in a burst against a small
// budget it only waits for its own work.
inline constexpr std::int64_t kNoSpaceToldAfterNs = 5'000'000'000;
// Of the time for a stop, this is kept for flush, outcomes and replies.
inline constexpr std::int64_t kDrainReserveMaxNs = 1'000'000'000;
// Beyond the time for a stop, a call into a component that does not return is given up.
inline constexpr std::int64_t kAbandonAfterNs = 500'000'000;

// Buffers kept for the next burst, and when they are given back.
inline constexpr std::size_t kPoolBatchesMax = 8;
inline constexpr std::size_t kIdleBatchBytesMax = 64_KiB;
inline constexpr std::int64_t kIdleTrimNs = 2'000'000'000;

// Attribute sets remembered by one source (peers of datagrams).
inline constexpr std::size_t kAttributeSetsMax = 1024;
// Replies of one stream are handed over together up to this size.
inline constexpr std::size_t kReplyBytesMax = 16_KiB;
// Outcomes told to a framing in one call.
inline constexpr std::size_t kOutcomesMax = 256;
// Gap events of one batch; further ones are added to the last of their stream.
inline constexpr std::size_t kBatchGapsMax = 256;

}  // namespace kifa::pipeline
