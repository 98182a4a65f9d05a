#pragma once

#include <cstddef>
#include <memory>

#include "core/base/types.hpp"
#include "core/store/table_bytes.hpp"
#include "core/store/table_format.hpp"

namespace kifa::store {

// Compresses blocks and takes them apart again. Keeps its working memory from block to block.
//
// Threads: confined.
class BlockCodec final {
 public:
  BlockCodec();
  BlockCodec(const BlockCodec&) = delete;
  BlockCodec& operator=(const BlockCodec&) = delete;
  ~BlockCodec();

  // Compresses `raw` into `to`. False when it would not become smaller than 9/10: then it is better
  // stored as it is.
  [[nodiscard]] bool compress(TableCodec codec, ByteView raw, ByteBuffer& to);
  // False when `stored` does not give exactly `raw_bytes`, or the codec is not known.
  [[nodiscard]] bool decompress(TableCodec codec, ByteView stored, std::size_t raw_bytes,
                                ByteBuffer& to);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kifa::store
