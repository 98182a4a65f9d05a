#include "core/store/table_output.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "core/base/crc32c.hpp"
#include "core/store/format.hpp"
#include "core/store/mutants.hpp"

namespace kifa::store {

namespace {
constexpr std::size_t kWriteBytes = 1_MiB;
}  // namespace

TableOutput::TableOutput(io::FileSystem& files, std::string path, std::unique_ptr<io::File> file,
                         std::size_t block_bytes)
    : files_(files),
      path_(std::move(path)),
      file_(std::move(file)),
      block_bytes_(block_bytes),
      buffer_(round_up(kWriteBytes, block_bytes), block_bytes) {}

// Past the page cache: copying into it would cost more than compressing, and what is read back must
// come from the disk anyway.
Result<std::unique_ptr<TableOutput>> TableOutput::create(io::FileSystem& files,
                                                         const std::string& path) {
  const auto facts = files.facts(std::filesystem::path(path).parent_path());
  KIFA_TRY(facts.status());
  auto opened = io::open_past_cache(
      files, path, {.access = io::Access::read_write, .create = true, .exclusive = true});
  KIFA_TRY(opened.status());
  const std::size_t block = std::max<std::size_t>(facts->block_bytes, kBlockBytesMin);
  return std::unique_ptr<TableOutput>(new TableOutput(files, path, std::move(opened->file), block));
}

TableOutput::~TableOutput() {
  if (!kept_) {
    file_.reset();
    ignore(files_.remove(path_), "nothing names the file; what stays is found at the next open");
  }
}

Status TableOutput::put(ByteView bytes) {
  // Before the bytes are copied, so that reading back checks the copy too.
  crc_ = crc32c(crc_, bytes);
  while (!bytes.empty()) {
    const ByteView part = bytes.first(std::min(bytes.size(), buffer_.size() - used_));
    std::ranges::copy(part, buffer_.data() + used_);
    used_ += part.size();
    bytes = bytes.subspan(part.size());
    if (used_ == buffer_.size()) {
      KIFA_TRY(drain());
    }
  }
  return {};
}

// Writes whole blocks; what is behind the last byte is cut off by complete().
Status TableOutput::drain() {
  const std::size_t padded = round_up(used_, block_bytes_);
  std::ranges::fill(buffer_.span().subspan(used_, padded - used_), std::byte{0});
  for (std::size_t at = 0; at < padded;) {
    const auto count = file_->write_at(ByteView(buffer_.span()).subspan(at, padded - at),
                                       written_ + at, io::WriteMode::buffered);
    KIFA_TRY(count.status());
    at += *count;
    if (*count == 0 || *count % block_bytes_ != 0) {
      return {Code::io, fmt::format("cannot write {}: the system takes no more bytes", path_)};
    }
  }
  written_ += used_;
  used_ = 0;
  return {};
}

Status TableOutput::complete() {
  KIFA_TRY(drain());
  KIFA_TRY(file_->resize(written_));
  if (!mutant_is(Mutant::table_not_synced)) {
    KIFA_TRY(file_->sync_all());
  }
  file_.reset();
  const Status direct = read_back(true);
  // Not every file system knows direct reads, or knows them for every alignment.
  return direct.code() == Code::unsupported ? read_back(false) : direct;
}

Status TableOutput::read_back(bool direct) {
  auto file = files_.open(path_, {.access = io::Access::read, .direct = direct});
  KIFA_TRY(file.status());
  std::uint32_t crc = 0;
  std::uint64_t offset = 0;
  while (true) {
    const auto count = (*file)->read_at(buffer_.span(), offset);
    KIFA_TRY(count.status());
    crc = crc32c(crc, ByteView(buffer_.span()).first(*count));
    offset += *count;
    if (*count < buffer_.size()) {
      break;
    }
  }
  if (offset != written_ || crc != crc_) {
    return {Code::corrupt,
            fmt::format("{} does not read back as it was written; the disk is not to be trusted",
                        path_)};
  }
  return {};
}

}  // namespace kifa::store
