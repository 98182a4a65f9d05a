#include "core/store/segment_scanner.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "core/store/mutants.hpp"

namespace kifa::store {

namespace {

constexpr std::uint64_t kPieceBytes = 1_MiB;
constexpr std::uint64_t kAheadBytes = 2_MiB;
constexpr std::uint64_t kTailBytes = 1_MiB + 256_KiB;  // the frames of a bulk are a little shorter
constexpr std::uint64_t kFirstPieceBytes = 64_KiB;

bool all_zero(ByteView bytes) {
  return std::ranges::all_of(bytes, [](std::byte byte) { return byte == std::byte{0}; });
}

}  // namespace

SegmentScanner::SegmentScanner(io::File& file, const SegmentHeader& header, std::uint64_t end,
                               JobThread* ahead)
    : file_(file),
      header_(header),
      end_(std::min(end, header.segment_bytes)),
      ahead_(ahead),
      buffer_(kPieceBytes, kBlockBytesMax),
      piece_bytes_(kFirstPieceBytes) {}

SegmentScanner::~SegmentScanner() {
  if (next_bytes_ != 0) {
    ahead_->wait();  // the piece goes to a buffer of ours
  }
}

// Begins to read what follows the buffer.
void SegmentScanner::read_ahead() {
  const std::uint64_t from = buffer_at_ + buffer_bytes_;
  if (ahead_ == nullptr || next_bytes_ != 0 || buffer_bytes_ == 0 || from >= end_) {
    return;
  }
  if (next_.size() == 0) {
    next_ = io::AlignedBuffer::huge(kTailBytes + kAheadBytes);
  }
  next_bytes_ = std::min(kAheadBytes, end_ - from);
  if (from < failed_until_) {
    next_bytes_ = std::min(next_bytes_, failed_from_ - std::min(failed_from_, from));
  }
  if (next_bytes_ == 0) {
    return;
  }
  ahead_->start([this, from] {
    next_read_ = file_.read_at(next_.span().subspan(kTailBytes, next_bytes_), from);
  });
}

// Makes the piece ahead and what is left of the buffer from `offset` the new buffer, if together
// they hold what is wanted. After a read error only what is wanted of that piece is read once more.
bool SegmentScanner::take_ahead(std::uint64_t offset, std::uint64_t bytes) {
  if (next_bytes_ == 0) {
    return false;
  }
  const std::uint64_t next_at = buffer_at_ + buffer_bytes_;
  ahead_->wait();
  const Result<std::size_t>& read = next_read_;
  if (!read) {
    note_failure(next_at, next_bytes_);
  }
  next_bytes_ = 0;
  if (!read || offset < buffer_at_ || offset > next_at || next_at - offset > kTailBytes ||
      offset + bytes > next_at + *read) {
    return false;
  }
  const std::size_t tail = next_at - offset;
  std::ranges::copy(buffer_.span().subspan(buffer_from_ + buffer_bytes_ - tail, tail),
                    next_.data() + kTailBytes - tail);
  std::swap(buffer_, next_);
  buffer_from_ = kTailBytes - tail;
  buffer_at_ = offset;
  buffer_bytes_ = tail + *read;
  if (next_.size() < kTailBytes + kAheadBytes) {
    next_ = io::AlignedBuffer();
  }
  return true;
}

// What a read of `wanted` bytes takes with it.
std::uint64_t SegmentScanner::next_piece(std::uint64_t offset, std::uint64_t wanted) {
  std::uint64_t piece = std::min(piece_bytes_, end_ - offset);
  piece_bytes_ = std::min(piece_bytes_ * 4, kPieceBytes);
  if (offset < failed_until_) {
    piece = std::min(piece, failed_from_ - std::min(failed_from_, offset));
  }
  return std::max(piece, wanted);
}

void SegmentScanner::note_failure(std::uint64_t from, std::uint64_t bytes) {
  const std::uint64_t until = from + bytes;
  if (from > failed_until_ || until < failed_from_) {
    failed_from_ = from;
    failed_until_ = until;
  }
  failed_from_ = std::min(failed_from_, from);
  failed_until_ = std::max(failed_until_, until);
}

bool SegmentScanner::is_refused(std::uint64_t offset, std::uint64_t bytes) const {
  const auto first = refused_.lower_bound(offset);
  return first != refused_.end() && *first < offset + bytes;
}

// An empty buffer for `bytes` at `offset`; nothing is being read ahead any more.
void SegmentScanner::make_room(std::uint64_t offset, std::uint64_t bytes) {
  if (next_bytes_ != 0) {
    ahead_->wait();
    next_bytes_ = 0;
  }
  if (bytes > buffer_.size()) {
    buffer_ = io::AlignedBuffer(round_up(bytes, kBlockBytesMax), kBlockBytesMax);
  }
  buffer_from_ = 0;
  buffer_at_ = offset;
  buffer_bytes_ = 0;
}

ByteView SegmentScanner::fetch(std::uint64_t offset, std::uint64_t bytes) {
  const std::uint64_t wanted = std::min(bytes, end_ - offset);
  if (is_refused(offset, wanted)) {
    return {};  // also if the buffer has zeros in its place
  }
  const bool has_it = offset >= buffer_at_ && offset + wanted <= buffer_at_ + buffer_bytes_;
  if (has_it || take_ahead(offset, wanted)) {
    read_ahead();
    return ByteView(buffer_.span())
        .subspan(buffer_from_ + (offset - buffer_at_), buffer_at_ + buffer_bytes_ - offset);
  }
  make_room(offset, wanted);
  const std::uint64_t piece = next_piece(offset, wanted);
  Result<std::size_t> read = file_.read_at(buffer_.span().first(piece), offset);
  if (!read) {
    note_failure(offset, piece);
  }
  // The bad sector may lie behind what is needed; and a frame is given up for lost only after
  // another look, which a whole one gets block by block.
  const bool is_block = wanted <= header_.block_bytes;
  if (!read && (piece > wanted || is_block)) {
    read = file_.read_at(buffer_.span().first(wanted), offset);
  }
  if (!read) {
    why_ = read.error().message();
    if (is_block) {
      refused_.insert(offset);
    }
    return {};
  }
  buffer_bytes_ = *read;
  read_ahead();
  return ByteView(buffer_.span()).first(buffer_bytes_);
}

ByteView SegmentScanner::fetch_blocks(std::uint64_t offset, std::uint64_t bytes) {
  const std::uint64_t wanted = std::min(bytes, end_ - offset);
  make_room(offset, wanted);
  while (buffer_bytes_ < wanted) {
    const std::uint64_t at = offset + buffer_bytes_;
    const MutableBytes block = buffer_.span().subspan(
        buffer_bytes_, std::min<std::uint64_t>(header_.block_bytes, wanted - buffer_bytes_));
    Result<std::size_t> read = std::size_t{0};
    if (!is_refused(at, block.size())) {
      read = file_.read_at(block, at);
      if (!read) {
        why_ = read.error().message();
        refused_.insert(at);
      } else if (*read < block.size()) {
        buffer_bytes_ += *read;
        break;  // the file ends here
      }
    }
    if (refused_.contains(at)) {
      std::ranges::fill(block, std::byte{0});
    }
    buffer_bytes_ += block.size();
  }
  return ByteView(buffer_.span()).first(buffer_bytes_);
}

SegmentScanner::Step SegmentScanner::look(std::uint64_t offset) {
  Step step;
  step.offset = offset;
  step.next_offset = offset;
  if (offset + sizeof(FrameHeader) > end_) {
    return step;
  }
  ByteView bytes = fetch(offset, header_.block_bytes);
  if (bytes.empty()) {
    step.found = Found::unreadable;
    step.refused = true;
    step.why = why_;
    return step;
  }
  const std::optional<FrameHeader> header = decode_frame_header(bytes, header_, offset);
  if (!header) {
    return step;
  }
  step.header = *header;
  const std::uint64_t padded = round_up(header->frame_bytes, header_.block_bytes);
  step.next_offset = offset + padded;
  bytes = fetch(offset, padded);
  if (bytes.empty()) {
    bytes = fetch_blocks(offset, padded);
    step.refused = is_refused(offset, padded);
    step.why = step.refused ? why_ : std::string();
  }
  step.frame = check_frame(*header, bytes.first(std::min<std::size_t>(padded, bytes.size())));
  switch (step.frame.check) {
    case FrameCheck::intact:
      step.found = Found::frame;
      break;
    case FrameCheck::records_damaged:
      step.found = Found::salvageable;
      break;
    case FrameCheck::body_damaged:
      step.found = step.refused ? Found::unreadable : Found::damaged_body;
      break;
  }
  return step;
}

std::optional<std::uint64_t> SegmentScanner::find_frame(std::uint64_t from) {
  for (std::uint64_t at = from; at + sizeof(FrameHeader) <= end_; at += header_.block_bytes) {
    const ByteView bytes = fetch(at, header_.block_bytes);
    if (!bytes.empty() && decode_frame_header(bytes, header_, at)) {
      return at;
    }
  }
  return std::nullopt;
}

std::uint64_t SegmentScanner::end_of_content(std::uint64_t from) {
  std::uint64_t end = from;
  for (std::uint64_t at = from; at < end_; at += header_.block_bytes) {
    const ByteView bytes = fetch(at, header_.block_bytes);
    if (bytes.empty() ||
        !all_zero(bytes.first(std::min<std::size_t>(bytes.size(), header_.block_bytes)))) {
      end = std::min(at + header_.block_bytes, end_);
    }
  }
  return end;
}

namespace {

// The frames of one epoch in a segment.
struct EpochFrames {
  FrameHeader first;
  std::uint64_t count = 0;
  bool proves = false;  // one of them knows of a durable frame in this segment
};

using Epochs = std::map<std::uint64_t, EpochFrames>;

// Counts the frames that begin in `bytes`, which stand at `at` of the segment.
void count_frames(ByteView bytes, std::uint64_t at, std::uint64_t number, Epochs& epochs) {
  for (std::size_t from = 0; from + sizeof(FrameHeader) <= bytes.size(); from += kBlockBytesMin) {
    const auto header = load<FrameHeader>(bytes.data() + from);
    const bool is_frame = header.magic == kFrameMagic &&
                          header.header_crc == header_crc_of(header) && header.segment == number &&
                          header.offset == at + from;
    if (is_frame) {
      EpochFrames& frames = epochs[header.epoch];
      frames.first = frames.count++ == 0 ? header : frames.first;
      frames.proves = frames.proves || header.durable.segment >= number;
    }
  }
}

Epochs find_epochs(io::File& file, std::uint64_t number, std::uint64_t segment_bytes) {
  Epochs epochs;
  io::AlignedBuffer buffer(kPieceBytes, kBlockBytesMax);
  const auto read = [&](std::uint64_t at, std::uint64_t bytes) {
    const MutableBytes piece = buffer.span().first(std::min(bytes, segment_bytes - at));
    const Result<std::size_t> got = file.read_at(piece, at);
    count_frames(piece.first(got.value_or(0)), at, number, epochs);
    return got.has_value();
  };
  for (std::uint64_t at = 0; at < segment_bytes; at += kPieceBytes) {
    if (read(at, kPieceBytes)) {
      continue;
    }
    // What made the headers unreadable need not have cost the frames behind them.
    const std::uint64_t end = std::min(at + kPieceBytes, segment_bytes);
    for (std::uint64_t block = at; block < end; block += kBlockBytesMin) {
      read(block, kBlockBytesMin);
    }
  }
  return epochs;
}

// A header made from frames that agree on number and epoch; the place of its predecessor is not
// known.
std::optional<FoundHeader> rebuild_header(io::File& file, std::uint64_t number,
                                          std::uint64_t file_bytes, const RebuildHint& hint) {
  const std::uint64_t segment_bytes = std::min(file_bytes, kSegmentBytesMax);
  const auto epochs = find_epochs(file, number, segment_bytes);
  const FrameHeader* first = nullptr;
  std::pair<bool, std::uint64_t> best{false, 0};
  for (const auto& [epoch, frames] : epochs) {
    const bool is_wanted = hint.epoch ? epoch == *hint.epoch : hint.was_named || frames.proves;
    const std::pair weight(frames.proves, frames.count);
    if (is_wanted && weight > best) {
      first = &frames.first;
      best = weight;
    }
  }
  if (first == nullptr) {
    return std::nullopt;
  }
  FoundHeader found{.header = {}, .rebuilt = true};
  found.header.block_bytes = kBlockBytesMin;
  found.header.number = number;
  found.header.epoch = first->epoch;
  found.header.segment_bytes = segment_bytes;
  found.header.first_lsn = first->first_lsn;
  found.header.first_event = first->first_event;
  found.header.predecessor_chain = first->chain;
  found.header.boot_ordinal = first->boot_ordinal;
  found.header.durable = first->durable;
  found.header.durable_lsn = first->durable_lsn;
  return found;
}

}  // namespace

Result<std::optional<FoundHeader>> find_segment_header(io::File& file, std::uint64_t number,
                                                       std::uint64_t file_bytes,
                                                       const std::optional<RebuildHint>& hint) {
  if (file_bytes < kSegmentBytesMin) {
    return std::optional<FoundHeader>();
  }
  io::AlignedBuffer buffer(kBlockBytesMin, kBlockBytesMin);
  bool is_blank = true;
  for (std::uint64_t copy_at = 0; copy_at <= kBlockBytesMax;
       copy_at = copy_at == 0 ? kBlockBytesMin : 2 * copy_at) {
    const Result<std::size_t> read = file.read_at(buffer.span(), copy_at);
    if (!read) {
      is_blank = false;
      continue;  // a sector that cannot be read; the other copy may do
    }
    // Behind the first two blocks there may be frames.
    is_blank = is_blank && (copy_at > kBlockBytesMin || all_zero(buffer.span().first(*read)));
    const auto header = decode_segment_header(ByteView(buffer.span()).first(*read), number);
    if (!header) {
      return header.status();
    }
    if (*header && (*header)->segment_bytes <= file_bytes &&
        (copy_at == 0 || copy_at == (*header)->block_bytes)) {
      return std::optional<FoundHeader>({.header = **header});
    }
  }
  if (is_blank && hint && !hint->was_named) {
    return std::optional<FoundHeader>();  // a spare: it need not be read
  }
  return hint ? rebuild_header(file, number, file_bytes, *hint) : std::nullopt;
}

Result<std::unique_ptr<io::File>> open_segment(io::FileSystem& files, const std::string& path) {
  if (mutant_is(Mutant::log_read_through_cache)) {
    return files.open(path, {.access = io::Access::read});
  }
  auto opened = io::open_past_cache(files, path, {.access = io::Access::read});
  if (!opened) {
    return opened.error();
  }
  return std::move(opened->file);
}

}  // namespace kifa::store
