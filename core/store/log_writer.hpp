#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/gate.hpp"
#include "core/base/status.hpp"
#include "core/base/thread_annotations.hpp"
#include "core/store/checkpoint_map.hpp"
#include "core/store/format.hpp"
#include "core/store/frame_builder.hpp"
#include "core/store/log_index.hpp"
#include "core/store/log_scan.hpp"
#include "core/store/segment_pool.hpp"
#include "core/store/status_file.hpp"
#include "core/store/store.hpp"

namespace kifa::store {

// Writes the log: gathers appends into frames, commits them in order, at most two at a time, and
// tells who waits.
//
// A thread that finds work may do it ("lead"): the caller of a small append when nothing is in
// flight, the waiter of append_durable, and two helper threads for everything else, so that in a
// bulk two writes are in flight while the next frame is gathered. Frames are sealed one at a time,
// written concurrently, and become durable strictly in order.
//
// Life of a frame: gathering -> sealed (place and LSNs given) -> in flight -> written -> durable.
// In normal mode frames wait between written and durable for a sync point. After an I/O error all
// frames that are not durable are carried over into a new segment, once; if that fails too the
// writer has failed for good.
//
// Threads: as Store.
class LogWriter final {
 public:
  // A frame that recovery found and no evidence covers.
  struct CarriedFrame {
    std::unique_ptr<FrameBuilder> builder;
    Lsn first_lsn;
    std::uint64_t first_event = 0;
  };
  // What the writer continues from.
  struct Start {
    StoreId store_id{};
    std::uint64_t open_epoch = 0;
    LogMark mark;                  // the end of what is durable
    std::uint64_t mark_epoch = 0;  // of the segment that mark.at is in
    std::uint32_t boot_ordinal = 1;
    std::string boot_id;
    std::optional<std::int64_t> wall_minus_boot_ns;  // in this boot, when the log was written last
    CheckpointMap checkpoints;
    std::function<Status()> check_lock;  // at each rotation: is the lock still ours?
    // Called with the lock whenever more of the log is durable; must not call back.
    std::function<void(const LogMark&)> on_durable = [](const LogMark&) {};
    std::uint64_t manifest_version = 0;  // 0: no tables yet
  };

  LogWriter(const StoreOptions& options, const StoreEnvironment& environment, SegmentPool& pool,
            LogIndex& index, StatusFile status_file, Start start);
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;
  ~LogWriter();

  // Begins to work: carries over what recovery has left, and starts the helper threads.
  void start(std::vector<CarriedFrame> carry) KIFA_EXCLUDES(mutex_);
  void on_spare() KIFA_EXCLUDES(mutex_);  // the pool has a spare, or has failed to make one

  Status append(const BatchView& batch, DurableCallback durable) KIFA_EXCLUDES(mutex_);
  Result<Lsn> append_durable(const BatchView& batch) KIFA_EXCLUDES(mutex_);
  Status flush(std::chrono::nanoseconds timeout) KIFA_EXCLUDES(mutex_);
  Status set_flush_mode(FlushMode mode) KIFA_EXCLUDES(mutex_);
  // Adds an event of the store itself; it becomes durable with the next frame. flush() waits for
  // it.
  void add_event(Event event) KIFA_EXCLUDES(mutex_);
  // Takes no more input and acknowledges nothing more, as after a failure of its own.
  void stop_taking(const Status& why) KIFA_EXCLUDES(mutex_);
  bool tick() KIFA_EXCLUDES(mutex_);
  // Drains, writes the clean mark and stops the helpers. `quick` only syncs what is accepted.
  Status close(bool quick) KIFA_EXCLUDES(mutex_);

  [[nodiscard]] FlushMode flush_mode() const KIFA_EXCLUDES(mutex_);
  [[nodiscard]] Lsn durable_lsn() const { return {durable_lsn_.load(std::memory_order_acquire)}; }
  [[nodiscard]] StoreCounters counters() const KIFA_EXCLUDES(mutex_);
  // The end of what is durable; all of it stands in the segments of the index.
  [[nodiscard]] LogMark durable_mark() const KIFA_EXCLUDES(mutex_);
  // What later headers and the status name as the newest manifest.
  void set_manifest_version(std::uint64_t version) KIFA_EXCLUDES(mutex_);
  [[nodiscard]] std::vector<Checkpoint> checkpoints(std::string_view origin) const
      KIFA_EXCLUDES(mutex_);

  // The most bytes that a batch may have to be sure of its own frame.
  [[nodiscard]] static std::uint64_t frame_bytes_max(std::uint64_t segment_bytes,
                                                     std::uint32_t block_bytes);

 private:
  struct Waiter {  // a thread that waits for its own append
    std::shared_ptr<Gate>
        gate;  // of the frame: one call wakes all who wait for it, and nobody else
    bool done = false;
    Receipt receipt;
  };
  struct Pending {  // one append whose last record is in this frame
    DurableCallback callback;
    std::shared_ptr<Waiter> waiter;
    std::uint32_t end_index = 0;  // index behind its last record in the frame
    std::uint64_t record_count = 0;
  };
  struct OpenSegment {
    std::uint64_t number = 0;
    std::uint64_t epoch = 0;
    std::uint64_t next_offset = 0;
    std::unique_ptr<io::File> file;
    bool direct = false;
    bool poisoned = false;  // an error was seen: nothing is written or synced here any more
  };
  struct Frame {
    explicit Frame(std::uint32_t block_bytes) : builder(block_bytes) {}
    FrameBuilder builder;
    std::vector<Pending> pending;
    std::vector<Checkpoint> checkpoints;
    std::shared_ptr<Gate> gate;  // of those who wait for it, if anybody does
    bool closed = false;         // no more is gathered into it
    std::shared_ptr<OpenSegment> segment;
    std::optional<SegmentHeader> rotation;  // written in front of the frame
    FramePlace place;
    LogMark after;
    bool writing = false;
    bool written = false;
    bool durable_write = false;
    bool retry = false;  // no space: the same bytes are to be written to the same place again
    std::int64_t retry_at_ns = 0;
  };
  using FramePtr = std::unique_ptr<Frame>;
  struct BatchBytes {
    std::size_t frame = 0;     // all that the batch adds to one
    std::size_t payloads = 0;  // of it
  };
  struct Delivery {
    DurableCallback callback;
    Receipt receipt;
  };

  // Gathering (log_writer_gather.cpp)
  Result<BatchBytes> measure(const BatchView& batch) const;
  Status wait_for_room() KIFA_REQUIRES(mutex_);
  void gather(const BatchView& batch, const BatchBytes& bytes, DurableCallback callback,
              std::shared_ptr<Waiter> waiter) KIFA_REQUIRES(mutex_);
  void gather_pieces(const BatchView& batch, const BatchBytes& bytes,
                     std::int64_t wall_minus_boot_ns) KIFA_REQUIRES(mutex_);
  void gather_unlocked(const BatchView& batch, std::size_t payload_bytes,
                       std::int64_t wall_minus_boot_ns) KIFA_REQUIRES(mutex_);
  void gather_checkpoints(std::span<const Checkpoint> checkpoints) KIFA_REQUIRES(mutex_);
  void gather_clock_jump(std::int64_t now_unix_ns, std::int64_t wall_minus_boot_ns)
      KIFA_REQUIRES(mutex_);
  void close_frame_before(std::size_t more, std::size_t limit) KIFA_REQUIRES(mutex_);
  void gather_event(Event event) KIFA_REQUIRES(mutex_);
  Frame& open_frame() KIFA_REQUIRES(mutex_);
  FramePtr new_frame() KIFA_REQUIRES(mutex_);
  void free_frame(FramePtr frame) KIFA_REQUIRES(mutex_);
  [[nodiscard]] std::size_t gathered_bytes() const KIFA_REQUIRES(mutex_);

  // Committing (log_writer.cpp). These are called with the lock and may release it in between.
  bool do_some_work() KIFA_REQUIRES(mutex_);
  bool do_next_work() KIFA_REQUIRES(mutex_);
  void do_all_work() KIFA_REQUIRES(mutex_);  // without threads: everything that is due
  [[nodiscard]] bool can_lead() const KIFA_REQUIRES(mutex_);
  [[nodiscard]] bool fits(const Frame& frame) const KIFA_REQUIRES(mutex_);
  [[nodiscard]] bool is_blocked() const KIFA_REQUIRES(mutex_);
  bool ask_for_spare() KIFA_REQUIRES(mutex_);
  void seal_and_write(Frame& frame) KIFA_REQUIRES(mutex_);
  void lead() KIFA_REQUIRES(mutex_);
  Status place_frame(Frame& frame) KIFA_REQUIRES(mutex_);
  Status rotate(Frame& frame) KIFA_REQUIRES(mutex_);
  [[nodiscard]] SegmentHeader header_for(const OpenSegment& segment, const LogMark& from,
                                         std::uint64_t from_epoch) const KIFA_REQUIRES(mutex_);
  void write_frame(Frame& frame) KIFA_REQUIRES(mutex_);
  Status write_bytes(OpenSegment& segment, ByteView bytes, std::uint64_t offset, bool durable)
      KIFA_REQUIRES(mutex_);
  void on_written(Frame& frame, const Status& status) KIFA_REQUIRES(mutex_);
  void collect_written() KIFA_REQUIRES(mutex_);
  void make_durable(FramePtr frame) KIFA_REQUIRES(mutex_);
  void publish_durable() KIFA_REQUIRES(mutex_);
  [[nodiscard]] Frame* frame_to_retry() KIFA_REQUIRES(mutex_);
  [[nodiscard]] bool sync_due() const KIFA_REQUIRES(mutex_);
  [[nodiscard]] bool watermark_due() const KIFA_REQUIRES(mutex_);
  Status sync_point() KIFA_REQUIRES(mutex_);
  void write_watermark(std::uint8_t flags) KIFA_REQUIRES(mutex_);
  void wake_settled() KIFA_REQUIRES(mutex_);
  void deliver() KIFA_REQUIRES(mutex_);
  void fail(const Status& status) KIFA_REQUIRES(mutex_);
  void tell_failure(Frame& frame) KIFA_REQUIRES(mutex_);
  void settle(Pending& pending, const Receipt& receipt) KIFA_REQUIRES(mutex_);
  [[nodiscard]] bool is_idle() const KIFA_REQUIRES(mutex_);
  Status drain(std::int64_t deadline_mono_ns) KIFA_REQUIRES(mutex_);
  bool wait_until(std::int64_t deadline_mono_ns) KIFA_REQUIRES(mutex_);
  void poke_helper() KIFA_REQUIRES(mutex_);
  [[nodiscard]] std::int64_t next_timer_ns() const KIFA_REQUIRES(mutex_);
  void run_helper(const std::stop_token& stop) KIFA_EXCLUDES(mutex_);
  [[nodiscard]] Status usable() const KIFA_REQUIRES(mutex_);
  void resume_segment() KIFA_REQUIRES(mutex_);

  // Carrying over (log_writer_carry.cpp)
  void begin_carry(OpenSegment& segment, const Status& why) KIFA_REQUIRES(mutex_);
  void adopt_carried(std::vector<CarriedFrame> frames) KIFA_REQUIRES(mutex_);
  [[nodiscard]] bool can_carry() const KIFA_REQUIRES(mutex_);
  void carry_over() KIFA_REQUIRES(mutex_);
  Status write_carried(const std::shared_ptr<OpenSegment>& segment, std::deque<FramePtr>& frames)
      KIFA_REQUIRES(mutex_);
  Status write_header(OpenSegment& segment, const SegmentHeader& header) KIFA_REQUIRES(mutex_);

  const StoreOptions options_;
  io::FileSystem& files_;
  const Clock& clock_;
  const Reporter report_;
  const bool threads_;
  SegmentPool& pool_;
  LogIndex& index_;
  const Start start_;  // constant facts of this open: ids, boot, lock check
  const std::uint64_t frame_target_bytes_;
  const std::uint64_t frame_bytes_max_;
  const std::uint64_t reserve_bytes_;
  const std::uint64_t sync_bytes_;
  const std::uint32_t fork_generation_;

  mutable Mutex mutex_;
  std::condition_variable_any changed_;  // anything but one's own receipt that is waited for
  std::condition_variable_any helper_changed_;

  StatusFile status_file_ KIFA_GUARDED_BY(mutex_);
  std::mt19937_64 random_ KIFA_GUARDED_BY(mutex_);
  FlushMode mode_ KIFA_GUARDED_BY(mutex_);
  std::uint64_t manifest_version_ KIFA_GUARDED_BY(mutex_) = 0;
  bool durable_writes_ KIFA_GUARDED_BY(mutex_) = true;  // RWF_DSYNC works here
  std::shared_ptr<OpenSegment> active_ KIFA_GUARDED_BY(mutex_);
  std::deque<FramePtr> gathered_ KIFA_GUARDED_BY(mutex_);  // the last one is open
  std::deque<FramePtr> in_flight_
      KIFA_GUARDED_BY(mutex_);  // sealed, not known to be written with all before
  std::deque<FramePtr> unsynced_ KIFA_GUARDED_BY(mutex_);  // normal mode: written, not durable
  std::deque<FramePtr> carry_ KIFA_GUARDED_BY(mutex_);     // recovery: to be written again
  std::vector<FramePtr> free_ KIFA_GUARDED_BY(mutex_);
  LogMark issued_ KIFA_GUARDED_BY(mutex_);   // behind the last sealed frame
  LogMark durable_ KIFA_GUARDED_BY(mutex_);  // behind the last durable frame
  std::uint64_t durable_epoch_ KIFA_GUARDED_BY(mutex_) = 0;
  std::uint64_t issued_epoch_ KIFA_GUARDED_BY(mutex_) = 0;
  Position claimed_
      KIFA_GUARDED_BY(mutex_);  // the highest durable position that a written frame tells
  Position content_end_ KIFA_GUARDED_BY(mutex_);  // behind the last frame that is not a watermark
  std::uint64_t unsynced_records_ KIFA_GUARDED_BY(mutex_) = 0;
  std::uint64_t unsynced_bytes_ KIFA_GUARDED_BY(mutex_) = 0;
  std::int64_t unsynced_since_ns_ KIFA_GUARDED_BY(mutex_) = 0;
  std::int64_t last_frame_ns_ KIFA_GUARDED_BY(mutex_) = 0;
  std::int64_t last_rotation_ns_ KIFA_GUARDED_BY(mutex_) = INT64_MIN / 2;
  std::int64_t gathering_since_ns_ KIFA_GUARDED_BY(mutex_) = 0;
  std::uint64_t waiter_count_ KIFA_GUARDED_BY(mutex_) = 0;
  bool wrote_something_ KIFA_GUARDED_BY(mutex_) = false;
  bool gathering_ KIFA_GUARDED_BY(mutex_) = false;  // a frame is away from gathered_, to be filled
  bool sealing_ KIFA_GUARDED_BY(mutex_) = false;
  bool syncing_ KIFA_GUARDED_BY(mutex_) = false;
  bool switching_ KIFA_GUARDED_BY(mutex_) = false;
  bool carry_needed_ KIFA_GUARDED_BY(mutex_) = false;
  bool carrying_ KIFA_GUARDED_BY(mutex_) = false;
  bool blocked_told_ KIFA_GUARDED_BY(mutex_) = false;
  bool status_told_ KIFA_GUARDED_BY(mutex_) = false;
  bool helper_poked_ KIFA_GUARDED_BY(mutex_) = false;
  std::int64_t helper_deadline_ns_ KIFA_GUARDED_BY(mutex_) = INT64_MAX;
  std::uint64_t accepted_appends_ KIFA_GUARDED_BY(mutex_) = 0;
  std::uint64_t settled_appends_ KIFA_GUARDED_BY(mutex_) = 0;
  bool delivering_ KIFA_GUARDED_BY(mutex_) = false;
  bool closing_ KIFA_GUARDED_BY(mutex_) = false;
  Status failure_ KIFA_GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<Gate>> settled_ KIFA_GUARDED_BY(mutex_);  // to be woken
  std::deque<Delivery> deliveries_ KIFA_GUARDED_BY(mutex_);
  CheckpointMap checkpoints_ KIFA_GUARDED_BY(mutex_);
  std::optional<std::int64_t> wall_minus_boot_ns_ KIFA_GUARDED_BY(mutex_);
  bool checkpoint_limit_told_ KIFA_GUARDED_BY(mutex_) = false;
  StoreCounters counters_ KIFA_GUARDED_BY(mutex_);
  std::atomic<std::uint64_t> durable_lsn_{0};
  std::array<std::jthread, 2> helpers_;  // as many as frames may be in flight
};

}  // namespace kifa::store
