#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "core/base/status.hpp"
#include "core/io/file_system.hpp"
#include "core/store/format.hpp"
#include "core/store/frame_view.hpp"
#include "core/store/job_thread.hpp"

namespace kifa::store {

// Reads the frames of one segment, past its page cache, in pieces of about a megabyte.
//
// Threads: confined.
// Errors:  a read error is told apart from bytes that are no frame; neither is ever hidden. A block
//          that the disk refuses costs what stands in it and not its whole frame, and is read again
//          once: a disk takes many seconds for every refusal.
// Memory:  one frame, at least 1 MiB; with `ahead`, 7 MiB more; some bytes for each refused block.
class SegmentScanner final {
 public:
  // Nothing is read at or after `end`. With `ahead`, which must outlive the scanner, the next piece
  // is read while the caller works on this one.
  SegmentScanner(io::File& file, const SegmentHeader& header, std::uint64_t end,
                 JobThread* ahead = nullptr);
  SegmentScanner(const SegmentScanner&) = delete;
  SegmentScanner& operator=(const SegmentScanner&) = delete;
  ~SegmentScanner();

  enum class Found : std::uint8_t {
    frame,         // `frame` is intact
    salvageable,   // header, table and entries hold; some records do not
    damaged_body,  // a frame of known length whose contents do not hold
    nothing,       // no frame begins here
    unreadable,    // the disk refused, and too much for anything to be saved
  };
  struct Step {
    Found found = Found::nothing;
    std::uint64_t offset = 0;
    std::uint64_t next_offset = 0;  // where the next frame would begin; for a known length
    FrameHeader header;             // unless nothing or unreadable
    CheckedFrame frame;             // for frame and salvageable; views valid until the next call
    bool refused = false;           // the disk refused some of it, or all of it (unreadable)
    std::string why;                // if refused: the disk's words
  };

  // What stands at `offset`.
  Step look(std::uint64_t offset);
  // The first place at or after `from` (a block boundary) where a valid frame header stands.
  std::optional<std::uint64_t> find_frame(std::uint64_t from);
  // The end of the last block at or after `from` that is not all zeros; `from` if there is none.
  std::uint64_t end_of_content(std::uint64_t from);

 private:
  // The bytes from `offset`, at least `bytes` of them if the segment has so many; empty:
  // unreadable.
  ByteView fetch(std::uint64_t offset, std::uint64_t bytes);
  // The same block by block, with zeros where the disk refuses.
  ByteView fetch_blocks(std::uint64_t offset, std::uint64_t bytes);
  void make_room(std::uint64_t offset, std::uint64_t bytes);
  [[nodiscard]] std::uint64_t next_piece(std::uint64_t offset, std::uint64_t wanted);
  void note_failure(std::uint64_t from, std::uint64_t bytes);
  [[nodiscard]] bool is_refused(std::uint64_t offset, std::uint64_t bytes) const;
  void read_ahead();
  bool take_ahead(std::uint64_t offset, std::uint64_t bytes);

  io::File& file_;
  SegmentHeader header_;
  std::uint64_t end_;
  JobThread* ahead_;
  io::AlignedBuffer buffer_;
  std::size_t buffer_from_ = 0;  // where the bytes begin in the buffer
  std::uint64_t buffer_at_ = 0;  // and where they stand in the segment
  std::size_t buffer_bytes_ = 0;
  std::uint64_t piece_bytes_;     // of the next piece: often the first ones say all
  io::AlignedBuffer next_;        // room for the end of the piece before, and the piece ahead
  std::uint64_t next_bytes_ = 0;  // asked for and not taken yet
  Result<std::size_t> next_read_ = std::size_t{0};
  // The piece that could not be read last: nothing is read ahead in it.
  std::uint64_t failed_from_ = 0;
  std::uint64_t failed_until_ = 0;
  std::set<std::uint64_t> refused_;  // blocks that were read twice in vain
  std::string why_;
};

// What is known about a segment whose two header copies are bad.
struct RebuildHint {
  // It was part of the log. Otherwise one of its own frames has to prove that, by naming a durable
  // position in it: a spare may hold frames too, of a recovery that was cut before it wrote the
  // header, and those are none of the log.
  bool was_named = false;
  std::optional<std::uint64_t> epoch = std::nullopt;
};

// The header of the segment file `number`: from either copy, or rebuilt from its frames if a hint
// is given (then predecessor fields are 0 and `rebuilt` is set). nullopt: a spare, never used or
// recycled.
struct FoundHeader {
  SegmentHeader header;
  bool rebuilt = false;
};
Result<std::optional<FoundHeader>> find_segment_header(io::File& file, std::uint64_t number,
                                                       std::uint64_t file_bytes,
                                                       const std::optional<RebuildHint>& hint);

// Opens a segment for reading, past the page cache where the file system allows it.
Result<std::unique_ptr<io::File>> open_segment(io::FileSystem& files, const std::string& path);

}  // namespace kifa::store
