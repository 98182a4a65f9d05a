#include "core/store/segment_pool.hpp"

#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "core/store/log_scan_path.hpp"
#include "core/store/mutants.hpp"
#include "core/store/small_file.hpp"

namespace kifa::store {

namespace {

// Small pieces leave the disk to the commits beside them (p99 0.3 ms against 3 ms with 1 MiB);
// large ones fill faster.
constexpr std::size_t kPieceBytes = 64_KiB;
constexpr std::size_t kHurryPieceBytes = 1_MiB;
constexpr std::size_t kHugeFromBytes = 4_MiB;  // smaller files are filled before a page is ready
// In a burst, filling competes with the log for the disk and loses: with a stock to work off, the
// log waited 20 ms instead of 350 ms for spares over 700 MiB of input.
constexpr std::size_t kHurrySpares = 5;
constexpr std::chrono::milliseconds kHurryEndsAfter{100};  // with no spare taken
// A last part of the backlog is left for what comes while tables are made at last, so that a burst
// that goes on slows down instead of stopping until the first of them is done.
constexpr std::uint64_t kBacklogLeft = 4;
constexpr std::chrono::seconds kRetryAfter{1};
constexpr std::uint64_t kReserveBytes = 1_MiB + 64_KiB;

}  // namespace

SegmentPool::SegmentPool(io::FileSystem& files, Options options)
    : files_(files),
      options_(std::move(options)),
      next_number_(options_.next_number),
      file_bytes_(options_.file_bytes),
      used_segments_(options_.used_segments),
      other_size_bytes_(options_.other_size_bytes),
      has_reserve_(options_.has_reserve) {}

SegmentPool::~SegmentPool() { stop(); }

void SegmentPool::add(std::uint64_t number) {
  const MutexLock lock(mutex_);
  spares_.push_back(number);
}

Status SegmentPool::recycle(std::uint64_t number, std::uint64_t bytes) {
  const std::string path = segment_path(options_.directory, number);
  const std::string aside = fmt::format("{}{}", path, kDamagedSuffix);
  if (files_.info(aside)) {
    if (has_budget_for_one()) {
      return files_.remove(path);  // its bytes stay for an expert, and must not be overwritten
    }
    KIFA_TRY(files_.remove(aside));
  }
  bool is_wanted = false;
  {
    const MutexLock lock(mutex_);
    is_wanted =
        bytes == options_.segment_bytes && spares_.size() < options_.spares_max && fits_budget(0);
  }
  if (!is_wanted) {
    KIFA_TRY(files_.remove(path));
    add_bytes(-static_cast<std::int64_t>(bytes));
    return {};
  }
  return name_spare(path);
}

// Gives a complete file the next number and takes it in. One at a time: the log is found from the
// highest number backwards, so spares have to be taken in the order of their numbers.
Status SegmentPool::name_spare(const std::string& path) {
  const MutexLock naming(naming_mutex_);
  std::uint64_t number = 0;
  {
    const MutexLock lock(mutex_);
    number = next_number_++;
  }
  const std::string name = segment_path(options_.directory, number);
  Status status = files_.rename(path, name);
  if (status && !mutant_is(Mutant::no_directory_sync)) {
    status = files_.sync_directory(options_.directory);
    if (!status) {
      // A spare that may vanish in a power cut must not be used.
      ignore(files_.remove(name), "the failure to name it is what counts");
    }
  }
  KIFA_TRY(status);
  add(number);
  return {};
}

Status SegmentPool::give_back(std::uint64_t number, std::uint64_t bytes) {
  {
    const MutexLock lock(mutex_);
    used_segments_ -= used_segments_ > 0 ? 1 : 0;
    other_size_bytes_ -= bytes == options_.segment_bytes ? 0 : std::min(bytes, other_size_bytes_);
  }
  const Status status = recycle(number, bytes);
  if (on_change_) {
    on_change_();
  }
  return status;
}

void SegmentPool::add_bytes(std::int64_t bytes) {
  {
    const MutexLock lock(mutex_);
    file_bytes_ += static_cast<std::uint64_t>(bytes);
    work_ = work_ || bytes < 0;  // there may be room for a spare now
  }
  changed_.notify_all();
}

Result<SegmentPool::Spare> SegmentPool::take() {
  Spare spare;
  {
    const MutexLock lock(mutex_);
    if (spares_.empty()) {
      return Status(Code::unavailable, "no spare segment is ready");
    }
    spare.number = spares_.front();
    spares_.pop_front();
    ++used_segments_;
    work_ = true;
  }
  changed_.notify_all();
  auto opened = io::open_past_cache(files_, segment_path(options_.directory, spare.number),
                                    {.access = io::Access::read_write});
  if (!opened) {
    return opened.error();
  }
  spare.file = std::move(opened->file);
  spare.direct = opened->is_direct;
  return spare;
}

bool SegmentPool::has_spare() const { return spare_count() > 0; }

bool SegmentPool::has_backlog_room() const {
  const MutexLock lock(mutex_);
  return options_.backlog_segments_max == 0 || used_segments_ < options_.backlog_segments_max;
}

bool SegmentPool::has_burst() const {
  const MutexLock lock(mutex_);
  const std::uint64_t left =
      std::max<std::uint64_t>(options_.backlog_segments_max / kBacklogLeft, 1);
  // Without space for spares only tables, and what they set free, let the log go on.
  return failure_.is_ok() && hurry_ && used_segments_ + left < options_.backlog_segments_max;
}

std::uint64_t SegmentPool::file_bytes() const {
  const MutexLock lock(mutex_);
  return file_bytes_;
}

std::size_t SegmentPool::spare_count() const {
  const MutexLock lock(mutex_);
  return spares_.size();
}

Status SegmentPool::failure() const {
  const MutexLock lock(mutex_);
  return failure_;
}

std::uint64_t SegmentPool::filled_bytes() const {
  const MutexLock lock(mutex_);
  return filled_bytes_;
}

void SegmentPool::hurry() {
  {
    const MutexLock lock(mutex_);
    if (hurry_) {
      return;
    }
    hurry_ = true;
    work_ = true;
  }
  changed_.notify_all();
}

// What the log holds must fit in a second time, as tables, before its segments are free again.
bool SegmentPool::fits_budget(std::uint64_t more) const {
  return options_.disk_budget_bytes == 0 || file_bytes_ - std::min(file_bytes_, other_size_bytes_) +
                                                    more +
                                                    used_segments_ * options_.segment_bytes <=
                                                options_.disk_budget_bytes;
}

bool SegmentPool::has_budget_for_one() const {
  const MutexLock lock(mutex_);
  return fits_budget(options_.segment_bytes);
}

std::size_t SegmentPool::wanted() const { return hurry_ ? kHurrySpares : 1; }

Status SegmentPool::fill(const std::string& path, std::uint64_t bytes) {
  const auto opened = io::open_past_cache(
      files_, path, {.access = io::Access::read_write, .create = true, .exclusive = true});
  KIFA_TRY(opened.status());
  io::File& file = *opened->file;
  const std::size_t piece_max = std::min<std::uint64_t>(kHurryPieceBytes, bytes);
  const io::AlignedBuffer zeros = bytes > kHugeFromBytes
                                      ? io::AlignedBuffer::huge(piece_max)
                                      : io::AlignedBuffer(piece_max, kBlockBytesMax);
  std::ranges::fill(zeros.span(), std::byte{0});
  for (std::uint64_t at = 0; at < bytes;) {
    std::size_t piece = kPieceBytes;
    {
      const MutexLock lock(mutex_);
      piece = hurry_ ? kHurryPieceBytes : kPieceBytes;
      filled_bytes_ += piece;
    }
    piece = std::min<std::uint64_t>(piece, bytes - at);
    const auto written = file.write_at(zeros.span().first(piece), at, io::WriteMode::buffered);
    if (!written) {
      return written.error();
    }
    at += *written;
    if (*written == 0) {
      return {Code::no_space, fmt::format("cannot fill {}: the disk took nothing", path)};
    }
  }
  return file.sync_all();
}

// Space for a few manifests, and for what the file system itself needs to change anything.
std::uint64_t SegmentPool::reserve_bytes() const {
  return options_.disk_budget_bytes == 0
             ? kReserveBytes
             : std::min<std::uint64_t>(kReserveBytes,
                                       options_.disk_budget_bytes / 32 / kPieceBytes * kPieceBytes);
}

Status SegmentPool::make_reserve() {
  const std::string path = fmt::format("{}/{}", options_.directory, kReserveFileName);
  const std::string unfinished = path + ".tmp";
  Status status = fill(unfinished, reserve_bytes());
  if (status) {
    status = files_.rename(unfinished, path);
  }
  if (!status) {
    ignore(files_.remove(unfinished), "the failure to make it is what counts");
  }
  const MutexLock lock(mutex_);
  failure_ = status;
  has_reserve_ = status.is_ok();
  reserve_comes_first_ = reserve_comes_first_ && !has_reserve_;
  file_bytes_ += has_reserve_ ? reserve_bytes() : 0;
  return status;
}

bool SegmentPool::release_reserve() {
  const MutexLock lock(mutex_);
  if (!has_reserve_) {
    return false;
  }
  has_reserve_ = false;
  reserve_comes_first_ = true;
  file_bytes_ -= reserve_bytes();
  ignore(files_.remove(fmt::format("{}/{}", options_.directory, kReserveFileName)),
         "then its space is not free, and the edit fails as it would have");
  return true;
}

Result<bool> SegmentPool::make_one() {
  std::uint64_t number = 0;
  bool reserve_is_due = false;
  {
    const MutexLock lock(mutex_);
    reserve_is_due = !has_reserve_ && (reserve_comes_first_ || spares_.size() >= wanted());
  }
  if (reserve_is_due) {
    KIFA_TRY(make_reserve());
  }
  {
    const MutexLock lock(mutex_);
    work_ = false;
    if (spares_.size() >= wanted()) {
      return false;
    }
    if (!fits_budget(options_.segment_bytes)) {
      if (!spares_.empty()) {
        return false;  // a stock is good, one is enough
      }
      failure_ = Status(
          Code::no_space,
          fmt::format("the disk budget of {} is used up: {} bytes of files, and {} to make tables "
                      "of the log, of {}; raise disk_budget, or let retention keep less "
                      "(retention_bytes, retention_records, retention_age)",
                      options_.directory, file_bytes_, used_segments_ * options_.segment_bytes,
                      options_.disk_budget_bytes));
      return failure_;
    }
    number = next_number_;  // for the unfinished file: others may get it meanwhile
  }
  const std::string unfinished = segment_path(options_.directory, number) + ".tmp";
  Status status = fill(unfinished, options_.segment_bytes);
  if (status) {
    status = name_spare(unfinished);
  }
  if (!status) {
    ignore(files_.remove(unfinished), "the failure to make it is what counts");
  }
  const MutexLock lock(mutex_);
  failure_ = status;
  if (!status) {
    return status;
  }
  file_bytes_ += options_.segment_bytes;
  return true;
}

void SegmentPool::start(std::function<void()> on_change) {
  on_change_ = std::move(on_change);
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  ::pthread_setname_np(thread_.native_handle(), "kifa-segments");
}

void SegmentPool::stop() {
  if (thread_.joinable()) {
    thread_.request_stop();
    changed_.notify_all();
    thread_.join();
  }
}

void SegmentPool::trim() {
  std::vector<std::uint64_t> removed;
  {
    const MutexLock lock(mutex_);
    while (spares_.size() > 1) {
      removed.push_back(spares_.back());
      spares_.pop_back();
    }
  }
  for (const std::uint64_t number : removed) {
    if (files_.remove(segment_path(options_.directory, number))) {
      add_bytes(-static_cast<std::int64_t>(options_.segment_bytes));
    }
  }
}

void SegmentPool::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const Result<bool> made = make_one();
    if (!made || *made) {
      on_change_();
    }
    const MutexLock lock(mutex_);
    const auto has_work = [this]() KIFA_NO_THREAD_SAFETY_ANALYSIS { return work_; };
    if (!made) {
      changed_.wait_for(mutex_, stop, kRetryAfter, [] { return false; });
    } else if (*made) {
      continue;
    } else if (hurry_) {
      hurry_ = changed_.wait_for(mutex_, stop, kHurryEndsAfter, has_work);
    } else {
      changed_.wait(mutex_, stop, has_work);
    }
  }
}

}  // namespace kifa::store
