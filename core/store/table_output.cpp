#include "core/store/table_output.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/crc32c.hpp"
#include "core/store/format.hpp"
#include "core/store/mutants.hpp"

namespace kifa::store {

namespace {
constexpr std::size_t kWriteBytes = 1_MiB;
}  // namespace

TableOutput::TableOutput(io::FileSystem& files, std::string path, std::unique_ptr<io::File> file)
    : files_(files), path_(std::move(path)), file_(std::move(file)) {}

Result<std::unique_ptr<TableOutput>> TableOutput::create(io::FileSystem& files,
                                                         const std::string& path) {
  auto file =
      files.open(path, {.access = io::Access::read_write, .create = true, .exclusive = true});
  if (!file) {
    return file.error();
  }
  return std::unique_ptr<TableOutput>(new TableOutput(files, path, std::move(*file)));
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
    const std::size_t part = std::min(bytes.size(), kWriteBytes - buffer_.size());
    buffer_.put_bytes(bytes.first(part));
    bytes = bytes.subspan(part);
    if (buffer_.size() == kWriteBytes) {
      KIFA_TRY(drain());
    }
  }
  return {};
}

Status TableOutput::drain() {
  ByteView rest = buffer_.view();
  while (!rest.empty()) {
    const auto count = file_->write_at(rest, written_, io::WriteMode::buffered);
    KIFA_TRY(count.status());
    if (*count == 0) {
      return {Code::io, fmt::format("cannot write {}: the system takes no more bytes", path_)};
    }
    written_ += *count;
    rest = rest.subspan(*count);
  }
  buffer_.clear();
  return {};
}

Status TableOutput::complete() {
  KIFA_TRY(drain());
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
  const auto facts = files_.facts(path_);
  KIFA_TRY(facts.status());
  const std::size_t block = std::max<std::size_t>(facts->block_bytes, 4096);
  io::AlignedBuffer buffer(round_up(kWriteBytes, block), block);
  std::uint32_t crc = 0;
  std::uint64_t offset = 0;
  while (true) {
    const auto count = (*file)->read_at(buffer.span(), offset);
    KIFA_TRY(count.status());
    crc = crc32c(crc, ByteView(buffer.span()).first(*count));
    offset += *count;
    if (*count < buffer.size()) {
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
