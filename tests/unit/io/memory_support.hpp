#pragma once

#include <memory>
#include <string>
#include <utility>

#include "core/io/memory_file_system.hpp"
#include "tests/support/catch.hpp"

namespace kifa::test {

inline constexpr io::OpenOptions kCreate = {.access = io::Access::read_write, .create = true};

inline std::unique_ptr<io::File> open_file(io::FileSystem& files, const std::string& path,
                                           io::OpenOptions options = kCreate) {
  Result<std::unique_ptr<io::File>> file = files.open(path, options);
  INFO(file.status().message());
  REQUIRE(file.has_value());
  return *std::move(file);
}

inline void write(io::File& file, std::uint64_t offset, std::string_view text,
                  io::WriteMode mode = io::WriteMode::buffered) {
  const Result<std::size_t> written = file.write_at(as_byte_view(text), offset, mode);
  INFO(written.status().message());
  REQUIRE(written.has_value());
  REQUIRE(*written == text.size());
}

inline std::string read(io::File& file, std::uint64_t offset, std::size_t bytes) {
  std::string text(bytes, '\0');
  const Result<std::size_t> count =
      file.read_at(std::as_writable_bytes(std::span(text.data(), text.size())), offset);
  INFO(count.status().message());
  REQUIRE(count.has_value());
  text.resize(*count);
  return text;
}

// What a file holds, or "missing".
inline std::string content(const io::MemoryFileSystem& files, const std::string& path) {
  const auto bytes = files.content(path);
  return bytes ? std::string(as_text(*bytes)) : "missing";
}

// `count` sectors full of `letter`.
inline std::string sectors(std::size_t count, char letter) {
  return std::string(count * io::kSectorBytes, letter);
}

}  // namespace kifa::test
