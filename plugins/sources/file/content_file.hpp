#pragma once

#include <kifa/sdk.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "plugins/sources/file/facts.hpp"
#include "plugins/sources/file/mark.hpp"
#include "plugins/sources/shared/descriptor.hpp"

struct gzFile_s;  // NOLINT(readability-identifier-naming): zlib's

namespace kifa::plugins::file_source {

// "app.log.1.gz": compressed in the way that can be read.
[[nodiscard]] bool is_gzip_name(std::string_view name);
// "app.log.1.xz" and others that cannot.
[[nodiscard]] bool is_otherwise_compressed_name(std::string_view name);

// A file that is open for reading, by offset in its content. A gzip file (by its name) is seen as
// what was compressed, so offsets stay what they were before.
//
// Threads: confined.
// Errors:  open() and read() leave the reason in errno; EBADMSG: not gzip, damaged, or not written
//          to its end yet.
class ContentFile final {
 public:
  ContentFile();
  ContentFile(ContentFile&&) noexcept;
  ContentFile& operator=(ContentFile&&) noexcept;
  ~ContentFile();

  bool open(const std::string& path);
  void close();
  [[nodiscard]] bool is_open() const { return descriptor_.is_open(); }
  [[nodiscard]] bool is_gzip() const { return gzip_ != nullptr; }
  // Of the file itself, also when it is compressed.
  [[nodiscard]] std::optional<Facts> facts() const { return facts_of(descriptor_.get()); }

  // The bytes at `offset`, as many as there are and fit; -1: see errno. Backwards in a gzip file
  // begins anew.
  std::ptrdiff_t read(std::uint64_t offset, std::span<std::uint8_t> into);

 private:
  std::ptrdiff_t read_gzip(std::uint64_t offset, std::span<std::uint8_t> into);
  std::ptrdiff_t inflate(std::span<std::uint8_t> into);

  struct CloseGzip {
    void operator()(gzFile_s* file) const;
  };
  Descriptor descriptor_;
  std::unique_ptr<gzFile_s, CloseGzip> gzip_;
  std::uint64_t gzip_offset_ = 0;
};

// Reads at `offset` until `into` is full or the content ends; -1: see errno.
std::ptrdiff_t read_all(ContentFile& file, std::uint64_t offset, std::span<std::uint8_t> into);

// Whether a file has a content.
enum class Match : std::uint8_t {
  same,
  different,
  unknown  // it cannot be read (to its end) now
};

// Whether `file` begins with what `mark` was made of and has at least `offset` bytes.
Match match(ContentFile& file, const Mark& mark, std::uint64_t offset);
// Whether the first `size` bytes of `part` are those of `whole`, as far as its beginning and its
// end tell.
Match match_beginning(ContentFile& part, std::uint64_t size, ContentFile& whole);

}  // namespace kifa::plugins::file_source
