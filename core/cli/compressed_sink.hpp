#pragma once

#include <memory>

#include "core/base/status.hpp"
#include "core/cli/byte_sink.hpp"
#include "core/cli/compression.hpp"

namespace kifa::cli {

// Compresses what it is given, as `gzip` and `zstd` do it on their usual levels, and hands it on.
//
// After finish() returned ok the stream is complete; before that, flush() only says whether
// anything has failed.
//
// Threads: confined.
// Errors:  of the next sink; no_memory.
class CompressedSink : public ByteSink {
 public:
  // `next` must live as long. Asserts that there is a compression.
  static Result<std::unique_ptr<CompressedSink>> create(Compression compression, ByteSink& next);

  [[nodiscard]] virtual Status finish() = 0;
};

}  // namespace kifa::cli
