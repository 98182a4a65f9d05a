#include "core/io/memory_content.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/base/assert.hpp"

namespace kifa::io {

namespace {

const MemoryPageRef& zero_page() {
  static const MemoryPageRef page = std::make_shared<const MemoryPage>();
  return page;
}

bool all_zero(ByteView bytes) {
  return bytes.empty() || (bytes[0] == std::byte{0} &&
                           std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

MemoryPageRef make_page(std::size_t at, ByteView bytes) {
  if (all_zero(bytes)) {
    return zero_page();  // prepared segments cost nothing
  }
  auto page = std::make_shared<MemoryPage>();
  std::memcpy(page->data() + at, bytes.data(), bytes.size());
  return page;
}

struct Range {  // within a page
  std::size_t from = 0;
  std::size_t to = 0;
};

// The part of page `index` that lies in [from, to) of the file.
Range range_in_page(std::uint64_t index, std::uint64_t from, std::uint64_t to) {
  const std::uint64_t start = index * kMemoryPageBytes;
  const std::uint64_t end = start + kMemoryPageBytes;
  return {.from = static_cast<std::size_t>(std::max(from, start) - start),
          .to = static_cast<std::size_t>(std::min(to, end) - start)};
}

}  // namespace

Extent::Extent(std::uint64_t offset, ByteView bytes) : offset_(offset), bytes_(bytes.size()) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const auto at = static_cast<std::size_t>((offset + done) % kMemoryPageBytes);
    const std::size_t count = std::min(kMemoryPageBytes - at, bytes.size() - done);
    pages_.push_back(make_page(at, bytes.subspan(done, count)));
    done += count;
  }
}

std::size_t Extent::sector_count() const {
  if (bytes_ == 0) {
    return 0;
  }
  return static_cast<std::size_t>((end() - 1) / kSectorBytes - offset_ / kSectorBytes + 1);
}

bool Extent::is_zero() const {
  return std::ranges::all_of(pages_, [](const MemoryPageRef& page) { return page == zero_page(); });
}

Extent Extent::truncated(std::uint64_t bytes) const {
  Extent shorter = *this;
  shorter.bytes_ = std::min(bytes, bytes_);
  if (shorter.bytes_ == 0) {
    shorter.pages_.clear();
    return shorter;
  }
  const std::uint64_t first = offset_ / kMemoryPageBytes;
  const std::uint64_t last = (shorter.end() - 1) / kMemoryPageBytes;
  shorter.pages_.resize(static_cast<std::size_t>(last - first + 1));
  return shorter;
}

std::vector<Extent> Extent::runs(const std::vector<bool>& keep) const {
  KIFA_ASSERT(keep.size() == sector_count());
  const std::uint64_t first_sector = offset_ / kSectorBytes;
  const std::uint64_t first_page = offset_ / kMemoryPageBytes;
  std::vector<Extent> found;
  for (std::size_t i = 0; i < keep.size(); ++i) {
    if (!keep[i]) {
      continue;
    }
    const std::size_t start = i;
    while (i + 1 < keep.size() && keep[i + 1]) {
      ++i;
    }
    Extent run;
    run.offset_ = std::max(offset_, (first_sector + start) * kSectorBytes);
    run.bytes_ = std::min(end(), (first_sector + i + 1) * kSectorBytes) - run.offset_;
    const std::uint64_t from = run.offset_ / kMemoryPageBytes - first_page;
    const std::uint64_t to = (run.end() - 1) / kMemoryPageBytes - first_page + 1;
    run.pages_.assign(pages_.begin() + static_cast<std::ptrdiff_t>(from),
                      pages_.begin() + static_cast<std::ptrdiff_t>(to));
    found.push_back(std::move(run));
  }
  return found;
}

const MemoryPageRef& Content::page(std::uint64_t index) const {
  static const MemoryPageRef hole;
  const auto chunk = static_cast<std::size_t>(index / kChunkPages);
  if (chunk >= chunks_.size() || chunks_[chunk] == nullptr) {
    return hole;
  }
  return (*chunks_[chunk])[index % kChunkPages];
}

void Content::set_page(Edit& edit, std::uint64_t index, MemoryPageRef page) {
  const auto chunk = static_cast<std::size_t>(index / kChunkPages);
  if (edit.chunk == nullptr || edit.index != chunk) {
    if (chunk >= chunks_.size()) {
      chunks_.resize(chunk + 1);
    }
    edit.index = chunk;
    edit.chunk = chunks_[chunk] == nullptr ? std::make_shared<Chunk>()
                                           : std::make_shared<Chunk>(*chunks_[chunk]);
    chunks_[chunk] = edit.chunk;
  }
  MemoryPageRef& place = (*edit.chunk)[index % kChunkPages];
  allocated_pages_ += (page != nullptr ? 1U : 0U);
  allocated_pages_ -= (place != nullptr ? 1U : 0U);
  place = std::move(page);
}

std::uint64_t Content::bytes_to_allocate(const Extent& extent) const {
  std::uint64_t pages = 0;
  const std::uint64_t first = extent.offset() / kMemoryPageBytes;
  for (std::uint64_t i = 0; i < extent.pages().size(); ++i) {
    pages += page(first + i) == nullptr ? 1U : 0U;
  }
  return pages * kMemoryPageBytes;
}

std::size_t Content::read(MutableBytes into, std::uint64_t offset) const {
  if (offset >= bytes_) {
    return 0;
  }
  const auto wanted =
      static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), bytes_ - offset));
  std::size_t done = 0;
  while (done < wanted) {
    const std::uint64_t position = offset + done;
    const auto at = static_cast<std::size_t>(position % kMemoryPageBytes);
    const std::size_t count = std::min(kMemoryPageBytes - at, wanted - done);
    const MemoryPageRef& source = page(position / kMemoryPageBytes);
    if (source == nullptr) {
      std::memset(into.data() + done, 0, count);
    } else {
      std::memcpy(into.data() + done, source->data() + at, count);
    }
    done += count;
  }
  return wanted;
}

void Content::write(const Extent& extent) {
  write_sectors(extent, std::vector<bool>(extent.sector_count(), true));
}

void Content::write_sectors(const Extent& extent, const std::vector<bool>& keep) {
  KIFA_ASSERT(keep.size() == extent.sector_count());
  const std::uint64_t first_page = extent.offset() / kMemoryPageBytes;
  const std::uint64_t first_sector = extent.offset() / kSectorBytes;
  constexpr std::size_t kSectorsPerPage = kMemoryPageBytes / kSectorBytes;
  Edit edit;
  for (std::size_t i = 0; i < extent.pages().size(); ++i) {
    const std::uint64_t index = first_page + i;
    const Range covered = range_in_page(index, extent.offset(), extent.end());
    std::size_t kept = 0;
    std::size_t touched = 0;
    const auto is_kept = [&](std::size_t sector_in_page) {
      return keep[static_cast<std::size_t>(index * kSectorsPerPage + sector_in_page -
                                           first_sector)];
    };
    const std::size_t from_sector = covered.from / kSectorBytes;
    const std::size_t to_sector = (covered.to - 1) / kSectorBytes + 1;
    for (std::size_t sector = from_sector; sector < to_sector; ++sector) {
      ++touched;
      kept += is_kept(sector) ? 1U : 0U;
    }
    if (kept == 0) {
      continue;
    }
    if (kept == touched && covered.from == 0 && covered.to == kMemoryPageBytes) {
      bytes_ = std::max(bytes_, (index + 1) * kMemoryPageBytes);
      set_page(edit, index, extent.pages()[i]);
      continue;
    }
    const MemoryPageRef& before = page(index);
    auto merged =
        before == nullptr ? std::make_shared<MemoryPage>() : std::make_shared<MemoryPage>(*before);
    for (std::size_t sector = from_sector; sector < to_sector; ++sector) {
      if (is_kept(sector)) {
        const std::size_t from = std::max(covered.from, sector * kSectorBytes);
        const std::size_t to = std::min(covered.to, (sector + 1) * kSectorBytes);
        std::memcpy(merged->data() + from, extent.pages()[i]->data() + from, to - from);
        bytes_ = std::max(bytes_, index * kMemoryPageBytes + to);
      }
    }
    set_page(edit, index, std::move(merged));
  }
}

void Content::resize(std::uint64_t bytes) {
  if (bytes < bytes_) {
    Edit edit;
    const std::uint64_t pages = (bytes + kMemoryPageBytes - 1) / kMemoryPageBytes;
    const std::uint64_t pages_before = (bytes_ + kMemoryPageBytes - 1) / kMemoryPageBytes;
    for (std::uint64_t index = pages; index < pages_before; ++index) {
      if (page(index) != nullptr) {
        set_page(edit, index, nullptr);
      }
    }
    const auto tail = static_cast<std::size_t>(bytes % kMemoryPageBytes);
    if (tail != 0 && page(pages - 1) != nullptr) {
      auto cut = std::make_shared<MemoryPage>(*page(pages - 1));
      std::memset(cut->data() + tail, 0, kMemoryPageBytes - tail);
      set_page(edit, pages - 1, std::move(cut));
    }
  }
  bytes_ = bytes;
}

}  // namespace kifa::io
