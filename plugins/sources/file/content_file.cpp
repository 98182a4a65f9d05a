#include "plugins/sources/file/content_file.hpp"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace kifa::plugins::file_source {

namespace {

constexpr unsigned kInflateBytes = 128U << 10U;  // zlib's own buffer
constexpr std::size_t kSkipBytes = 64U << 10U;
constexpr std::size_t kCompareBytes = 4096;

// Whether the `size` bytes at `offset` have this hash.
Match match_at(ContentFile& file, std::uint64_t offset, std::size_t size, std::uint64_t hash) {
  std::array<std::uint8_t, kHeadBytes> bytes;
  const std::span<std::uint8_t> wanted = std::span(bytes).first(size);
  const std::ptrdiff_t got = read_all(file, offset, wanted);
  if (got < 0) {
    return Match::unknown;
  }
  return static_cast<std::size_t>(got) == size && Hash::of(wanted) == hash ? Match::same
                                                                           : Match::different;
}

Match compare_at(ContentFile& one, ContentFile& other, std::uint64_t offset, std::size_t size) {
  std::array<std::uint8_t, kCompareBytes> left;
  std::array<std::uint8_t, kCompareBytes> right;
  const std::ptrdiff_t got = read_all(one, offset, std::span(left).first(size));
  const std::ptrdiff_t same = read_all(other, offset, std::span(right).first(size));
  if (got < 0 || same < 0 || got == 0 || (got < same && !one.is_gzip())) {
    return Match::unknown;
  }
  return got <= same && std::equal(left.begin(), left.begin() + got, right.begin())
             ? Match::same
             : Match::different;
}

}  // namespace

bool is_gzip_name(std::string_view name) { return name.ends_with(".gz"); }

bool is_otherwise_compressed_name(std::string_view name) {
  constexpr std::array<std::string_view, 7> kEndings = {".xz",  ".bz2", ".zst", ".lz4",
                                                        ".zip", ".Z",   ".lzma"};
  return std::ranges::any_of(kEndings,
                             [name](std::string_view ending) { return name.ends_with(ending); });
}

void ContentFile::CloseGzip::operator()(gzFile_s* file) const { ::gzclose_r(file); }

ContentFile::ContentFile() = default;
ContentFile::ContentFile(ContentFile&&) noexcept = default;
ContentFile& ContentFile::operator=(ContentFile&&) noexcept = default;
ContentFile::~ContentFile() = default;

bool ContentFile::open(const std::string& path) {
  close();
  // Never waits, also if a named pipe has come into the file's place.
  Descriptor opened(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!opened.is_open()) {
    return false;
  }
  if (is_gzip_name(path)) {
    const int own = ::fcntl(opened.get(), F_DUPFD_CLOEXEC, 0);
    if (own < 0) {
      return false;
    }
    gzip_.reset(::gzdopen(own, "rb"));
    if (gzip_ == nullptr) {
      ::close(own);
      errno = ENOMEM;
      return false;
    }
    ::gzbuffer(gzip_.get(), kInflateBytes);
    gzip_offset_ = 0;
  }
  descriptor_ = std::move(opened);
  return true;
}

void ContentFile::close() {
  gzip_.reset();
  descriptor_.close();
}

std::ptrdiff_t ContentFile::read(std::uint64_t offset, std::span<std::uint8_t> into) {
  if (into.empty()) {
    return 0;
  }
  if (is_gzip()) {
    return read_gzip(offset, into);
  }
  while (true) {
    const ssize_t got =
        ::pread(descriptor_.get(), into.data(), into.size(), static_cast<off_t>(offset));
    if (got >= 0 || errno != EINTR) {
      return got;
    }
  }
}

std::ptrdiff_t ContentFile::inflate(std::span<std::uint8_t> into) {
  const int got = ::gzread(gzip_.get(), into.data(), static_cast<unsigned>(into.size()));
  int error = Z_OK;
  ::gzerror(gzip_.get(), &error);
  // zlib gives bytes that are not gzip as they are; a gzip file that ends too early is Z_BUF_ERROR.
  if (got < 0 || (got == 0 && error != Z_OK && error != Z_STREAM_END) ||
      ::gzdirect(gzip_.get()) != 0) {
    errno = error == Z_ERRNO ? EIO : EBADMSG;
    return -1;
  }
  gzip_offset_ += static_cast<std::uint64_t>(got);
  return got;
}

std::ptrdiff_t ContentFile::read_gzip(std::uint64_t offset, std::span<std::uint8_t> into) {
  if (offset < gzip_offset_) {
    ::gzrewind(gzip_.get());
    gzip_offset_ = 0;
  }
  std::array<std::uint8_t, kSkipBytes> skipped;
  while (gzip_offset_ < offset) {
    const auto step = std::min<std::uint64_t>(offset - gzip_offset_, skipped.size());
    const std::ptrdiff_t got = inflate(std::span(skipped).first(static_cast<std::size_t>(step)));
    if (got <= 0) {
      return got;
    }
  }
  return inflate(into);
}

std::ptrdiff_t read_all(ContentFile& file, std::uint64_t offset, std::span<std::uint8_t> into) {
  std::size_t got = 0;
  while (got < into.size()) {
    const std::ptrdiff_t more = file.read(offset + got, into.subspan(got));
    if (more < 0) {
      return -1;
    }
    if (more == 0) {
      break;
    }
    got += static_cast<std::size_t>(more);
  }
  return static_cast<std::ptrdiff_t>(got);
}

Match match(ContentFile& file, const Mark& mark, std::uint64_t offset) {
  const std::uint64_t least = std::max(mark.tail_offset, offset);
  if (!file.is_gzip()) {
    const std::optional<Facts> facts = file.facts();
    if (!facts || facts->size < least) {
      return facts ? Match::different : Match::unknown;
    }
  }
  const Match head = match_at(file, 0, mark.head_bytes, mark.head_hash);
  if (head != Match::same) {
    return head;
  }
  const std::size_t tail = mark.tail_bytes();
  const Match end = match_at(file, mark.tail_offset - tail, tail, mark.tail_hash);
  if (end != Match::same || !file.is_gzip() || least == mark.tail_offset) {
    return end;
  }
  std::uint8_t last = 0;
  const std::ptrdiff_t got = file.read(least - 1, {&last, 1});
  if (got < 0) {
    return Match::unknown;
  }
  return got == 1 ? Match::same : Match::different;
}

Match match_beginning(ContentFile& part, std::uint64_t size, ContentFile& whole) {
  // How much a gzip file has is known only at its end.
  const std::uint64_t most = part.is_gzip() ? kHeadBytes : size;
  const auto head = static_cast<std::size_t>(std::min<std::uint64_t>(most, kHeadBytes));
  const Match begins = compare_at(part, whole, 0, head);
  if (begins != Match::same || part.is_gzip() || size <= kHeadBytes) {
    return begins;
  }
  const auto tail = static_cast<std::size_t>(std::min<std::uint64_t>(size, kCompareBytes));
  return compare_at(part, whole, size - tail, tail);
}

}  // namespace kifa::plugins::file_source
