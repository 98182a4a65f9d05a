#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/status.hpp"
#include "core/cli/byte_sink.hpp"

namespace kifa::cli {

// Counts and hashes bytes: SHA-256.
//
// Threads: confined.
class ByteDigest final {
 public:
  ByteDigest();
  ByteDigest(const ByteDigest&) = delete;
  ByteDigest& operator=(const ByteDigest&) = delete;
  ~ByteDigest();

  void add(std::string_view bytes);
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  // 64 hexadecimal digits; nothing may be added after it.
  [[nodiscard]] std::string finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
  std::uint64_t bytes_ = 0;
};

// SHA-256 of `bytes` as 64 hexadecimal digits.
[[nodiscard]] std::string sha256_text(std::string_view bytes);

// Hands everything on, and counts and hashes it.
//
// Threads: confined.
// Errors:  of the next sink.
class DigestSink final : public ByteSink {
 public:
  // `next` must live as long.
  explicit DigestSink(ByteSink& next) : next_(next) {}

  [[nodiscard]] Status append(std::string_view text) override {
    digest_.add(text);
    return next_.append(text);
  }
  [[nodiscard]] Status flush() override { return next_.flush(); }

  [[nodiscard]] ByteDigest& digest() { return digest_; }

 private:
  ByteSink& next_;
  ByteDigest digest_;
};

}  // namespace kifa::cli
