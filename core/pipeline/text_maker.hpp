#pragma once

#include <kifa/plugin.h>

#include <memory>

#include "core/base/status.hpp"
#include "core/pipeline/buffer.hpp"
#include "core/plugin/instance.hpp"

namespace kifa::pipeline {

// Runs the records of batches through one formatter instance, for sinks that write text.
//
// Threads: serialised by its user.
// Errors:  a formatter's failure with its own sentence; the text of that batch is not to be used.
class TextMaker final {
 public:
  explicit TextMaker(std::unique_ptr<plugin::Instance> formatter);

  Status start();
  Status stop(std::int64_t deadline_mono_ns);
  // Appends the text of `records` to `text`, at the very first with what the formatter begins with.
  Status make(const kifa_batch& batch, Buffer& text);
  // Appends what the formatter ends with.
  Status finish(Buffer& text);
  [[nodiscard]] bool has_end() const { return calls_.end != nullptr; }

 private:
  std::unique_ptr<plugin::Instance> formatter_;
  const kifa_formatter& calls_;
  bool begun_ = false;
};

}  // namespace kifa::pipeline
