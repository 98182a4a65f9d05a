#include "core/store/table_codec.hpp"

#include <lz4.h>
#include <zstd.h>

#include <vector>

#include "core/base/assert.hpp"

namespace kifa::store {

namespace {
constexpr int kZstdLevel = 1;
constexpr int kLz4Acceleration = 1;

const char* chars(ByteView bytes) {
  return reinterpret_cast<const char*>(bytes.data());  // NOLINT: bytes seen as chars
}
char* chars(MutableBytes bytes) {
  return reinterpret_cast<char*>(bytes.data());  // NOLINT: bytes seen as chars
}
}  // namespace

struct BlockCodec::State {
  std::vector<std::uint64_t> lz4;  // aligned for its state
  std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> compressing{nullptr, &ZSTD_freeCCtx};
  std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> decompressing{nullptr, &ZSTD_freeDCtx};
};

BlockCodec::BlockCodec() : state_(std::make_unique<State>()) {}
BlockCodec::~BlockCodec() = default;

bool BlockCodec::compress(TableCodec codec, ByteView raw, ByteBuffer& to) {
  KIFA_ASSERT(raw.size() <= kTableRawBytesMax);
  // A codec that runs out of room gives up: what would not pay is not finished.
  const MutableBytes room = to.resize_for_overwrite(raw.size() / 10 * 9);
  std::size_t size = 0;
  if (codec == TableCodec::lz4) {
    state_->lz4.resize(static_cast<std::size_t>(LZ4_sizeofState()) / sizeof(std::uint64_t) + 1);
    size = static_cast<std::size_t>(LZ4_compress_fast_extState(
        state_->lz4.data(), chars(raw), chars(room), static_cast<int>(raw.size()),
        static_cast<int>(room.size()), kLz4Acceleration));
  } else if (codec == TableCodec::zstd) {
    if (!state_->compressing) {
      state_->compressing.reset(ZSTD_createCCtx());
      KIFA_ASSERT(state_->compressing);  // out of memory, as operator new would end
    }
    size = ZSTD_compressCCtx(state_->compressing.get(), room.data(), room.size(), raw.data(),
                             raw.size(), kZstdLevel);
    size = ZSTD_isError(size) != 0 ? 0 : size;
  }
  to.truncate(size);
  return size != 0;
}

bool BlockCodec::decompress(TableCodec codec, ByteView stored, std::size_t raw_bytes,
                            ByteBuffer& to) {
  if (raw_bytes > kTableRawBytesMax || stored.size() > kTableRawBytesMax) {
    return false;
  }
  const MutableBytes room = to.resize_for_overwrite(raw_bytes);
  if (codec == TableCodec::lz4) {
    const int size = LZ4_decompress_safe(
        chars(stored), chars(room), static_cast<int>(stored.size()), static_cast<int>(room.size()));
    return size >= 0 && static_cast<std::size_t>(size) == raw_bytes;
  }
  if (codec == TableCodec::zstd) {
    if (!state_->decompressing) {
      state_->decompressing.reset(ZSTD_createDCtx());
      KIFA_ASSERT(state_->decompressing);
    }
    return ZSTD_decompressDCtx(state_->decompressing.get(), room.data(), room.size(), stored.data(),
                               stored.size()) == raw_bytes;
  }
  if (codec != TableCodec::none || stored.size() != raw_bytes) {
    return false;
  }
  if (raw_bytes != 0) {
    std::memcpy(room.data(), stored.data(), raw_bytes);
  }
  return true;
}

}  // namespace kifa::store
