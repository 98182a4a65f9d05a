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
// The first piece, and one around a place that the disk refuses to read.
constexpr std::uint64_t kSmallPieceBytes = 64_KiB;

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
      piece_bytes_(kSmallPieceBytes) {}

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
  ahead_->start([this, from] {
    next_read_ = file_.read_at(next_.span().subspan(kTailBytes, next_bytes_), from);
  });
}

// Makes the piece ahead and what is left of the buffer from `offset` the new buffer, if together
// they hold what is wanted. After a read error that piece is read once more, and smaller.
bool SegmentScanner::take_ahead(std::uint64_t offset, std::uint64_t bytes) {
  if (next_bytes_ == 0) {
    return false;
  }
  const std::uint64_t next_at = buffer_at_ + buffer_bytes_;
  ahead_->wait();
  const Result<std::size_t>& read = next_read_;
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

ByteView SegmentScanner::fetch(std::uint64_t offset, std::uint64_t bytes) {
  const std::uint64_t wanted = std::min(bytes, end_ - offset);
  const bool has_it = offset >= buffer_at_ && offset + wanted <= buffer_at_ + buffer_bytes_;
  if (has_it || take_ahead(offset, wanted)) {
    read_ahead();
    return ByteView(buffer_.span())
        .subspan(buffer_from_ + (offset - buffer_at_), buffer_at_ + buffer_bytes_ - offset);
  }
  if (wanted > buffer_.size()) {
    buffer_ = io::AlignedBuffer(round_up(wanted, kBlockBytesMax), kBlockBytesMax);
  }
  buffer_from_ = 0;
  buffer_at_ = offset;
  buffer_bytes_ = 0;
  std::uint64_t piece = std::min(std::max(wanted, piece_bytes_), end_ - offset);
  piece_bytes_ = std::min(piece_bytes_ * 4, kPieceBytes);
  Result<std::size_t> read = file_.read_at(buffer_.span().first(piece), offset);
  // The bad sector may lie behind what is needed; and a frame is given up for lost only after
  // another look.
  for (const std::uint64_t smaller : {std::max(kSmallPieceBytes, wanted), wanted}) {
    if (!read) {
      piece = std::min(piece, smaller);
      read = file_.read_at(buffer_.span().first(piece), offset);
    }
  }
  if (!read) {
    why_ = read.error().message();
    return {};
  }
  buffer_bytes_ = *read;
  read_ahead();
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
    step.found = Found::unreadable;
    step.why = why_;
    return step;
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
      step.found = Found::damaged_body;
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

std::map<std::uint64_t, EpochFrames> find_epochs(io::File& file, std::uint64_t number,
                                                 std::uint64_t file_bytes) {
  std::map<std::uint64_t, EpochFrames> epochs;
  io::AlignedBuffer buffer(kPieceBytes, kBlockBytesMax);
  for (std::uint64_t at = 0; at < file_bytes; at += kPieceBytes) {
    const Result<std::size_t> read =
        file.read_at(buffer.span().first(std::min(kPieceBytes, file_bytes - at)), at);
    for (std::size_t in_piece = 0; read && in_piece + sizeof(FrameHeader) <= *read;
         in_piece += kBlockBytesMin) {
      const auto header = load<FrameHeader>(buffer.data() + in_piece);
      const bool is_frame = header.magic == kFrameMagic &&
                            header.header_crc == header_crc_of(header) &&
                            header.segment == number && header.offset == at + in_piece;
      if (is_frame) {
        EpochFrames& frames = epochs[header.epoch];
        frames.first = frames.count++ == 0 ? header : frames.first;
        frames.proves = frames.proves || header.durable.segment >= number;
      }
    }
  }
  return epochs;
}

// A header made from frames that agree on number and epoch; the place of its predecessor is not
// known.
std::optional<FoundHeader> rebuild_header(io::File& file, std::uint64_t number,
                                          std::uint64_t file_bytes, const RebuildHint& hint) {
  const auto epochs = find_epochs(file, number, file_bytes);
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
  found.header.segment_bytes = file_bytes;
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
