#include "core/cli/compressed_sink.hpp"

#include <fmt/format.h>
// It takes input that it may not change.
#define ZLIB_CONST  // NOLINT(readability-identifier-naming): zlib's name
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <climits>

#include "core/base/assert.hpp"
#include "core/base/types.hpp"

namespace kifa::cli {
namespace {

constexpr std::size_t kPieceBytes = 64_KiB;

class GzipSink final : public CompressedSink {
 public:
  explicit GzipSink(ByteSink& next) : next_(next) {}
  GzipSink(const GzipSink&) = delete;
  GzipSink& operator=(const GzipSink&) = delete;
  ~GzipSink() override { deflateEnd(&stream_); }

  Status open() {
    constexpr int kGzipFormat = 16;
    constexpr int kMemoryLevel = 8;
    const int code = deflateInit2(&stream_, Z_DEFAULT_COMPRESSION, Z_DEFLATED,
                                  MAX_WBITS + kGzipFormat, kMemoryLevel, Z_DEFAULT_STRATEGY);
    return code == Z_OK ? Status() : Status(Code::no_memory, "no memory left for gzip");
  }

  Status append(std::string_view text) override {
    while (!text.empty()) {
      const std::string_view piece = text.substr(0, UINT_MAX);
      KIFA_TRY(deflate_all(piece, Z_NO_FLUSH));
      text.remove_prefix(piece.size());
    }
    return {};
  }
  Status flush() override { return {}; }
  Status finish() override {
    KIFA_TRY(deflate_all({}, Z_FINISH));
    return next_.flush();
  }

 private:
  Status deflate_all(std::string_view piece, int mode) {
    stream_.next_in = reinterpret_cast<const Bytef*>(piece.data());
    stream_.avail_in = static_cast<uInt>(piece.size());
    do {
      stream_.next_out = reinterpret_cast<Bytef*>(piece_.data());
      stream_.avail_out = static_cast<uInt>(piece_.size());
      KIFA_ASSERT(deflate(&stream_, mode) != Z_STREAM_ERROR);
      KIFA_TRY(next_.append({piece_.data(), piece_.size() - stream_.avail_out}));
    } while (stream_.avail_out == 0);
    return {};
  }

  ByteSink& next_;
  z_stream stream_ = {};
  std::array<char, kPieceBytes> piece_{};
};

class ZstdSink final : public CompressedSink {
 public:
  explicit ZstdSink(ByteSink& next) : next_(next), context_(ZSTD_createCCtx()) {}
  ZstdSink(const ZstdSink&) = delete;
  ZstdSink& operator=(const ZstdSink&) = delete;
  ~ZstdSink() override { ZSTD_freeCCtx(context_); }

  Status open() {
    if (context_ == nullptr) {
      return {Code::no_memory, "no memory left for zstd"};
    }
    const std::size_t set = ZSTD_CCtx_setParameter(context_, ZSTD_c_checksumFlag, 1);
    KIFA_ASSERT(ZSTD_isError(set) == 0);
    return {};
  }

  Status append(std::string_view text) override { return compress(text, ZSTD_e_continue); }
  Status flush() override { return {}; }
  Status finish() override {
    KIFA_TRY(compress({}, ZSTD_e_end));
    return next_.flush();
  }

 private:
  Status compress(std::string_view text, ZSTD_EndDirective mode) {
    ZSTD_inBuffer in{.src = text.data(), .size = text.size(), .pos = 0};
    for (;;) {
      ZSTD_outBuffer out{.dst = piece_.data(), .size = piece_.size(), .pos = 0};
      const std::size_t left = ZSTD_compressStream2(context_, &out, &in, mode);
      if (ZSTD_isError(left) != 0) {
        return {Code::no_memory, fmt::format("zstd: {}", ZSTD_getErrorName(left))};
      }
      KIFA_TRY(next_.append({piece_.data(), out.pos}));
      if (mode == ZSTD_e_end ? left == 0 : in.pos == in.size) {
        return {};
      }
    }
  }

  ByteSink& next_;
  ZSTD_CCtx* context_;
  std::array<char, kPieceBytes> piece_{};
};

template <class Sink>
Result<std::unique_ptr<CompressedSink>> opened(ByteSink& next) {
  auto sink = std::make_unique<Sink>(next);
  KIFA_TRY(sink->open());
  return std::unique_ptr<CompressedSink>(std::move(sink));
}

}  // namespace

std::string_view to_string(Compression compression) {
  constexpr std::array<std::string_view, 3> kNames = {"none", "gzip", "zstd"};
  return kNames.at(static_cast<std::size_t>(compression));
}

Result<std::unique_ptr<CompressedSink>> CompressedSink::create(Compression compression,
                                                               ByteSink& next) {
  KIFA_ASSERT(compression != Compression::none);
  return compression == Compression::gzip ? opened<GzipSink>(next) : opened<ZstdSink>(next);
}

}  // namespace kifa::cli
