#pragma once

#include <kifa/plugin.h>
#include <kifa/sdk/formatter.hpp>

#include <cstddef>
#include <cstdint>
#include <string>

namespace kifa::testing {

// Gathers what a formatter writes; fails when it was told to.
//
// Threads: confined.
class FakeWriter final {
 public:
  FakeWriter() : table_{sizeof(kifa_writer), 0, this, &append} {}
  FakeWriter(const FakeWriter&) = delete;
  FakeWriter& operator=(const FakeWriter&) = delete;
  ~FakeWriter() = default;

  [[nodiscard]] const kifa_writer* raw() const { return &table_; }
  [[nodiscard]] sdk::Writer writer() const { return sdk::Writer(&table_); }
  // Every append after the next `appends` gets `status`.
  void fail_after(std::uint64_t appends, kifa_status status = KIFA_IO) {
    appends_left_ = appends;
    failure_ = status;
  }

  std::string text;

 private:
  static kifa_status append(const kifa_writer* writer, const void* data,
                            std::size_t size) noexcept {
    FakeWriter& self = *static_cast<FakeWriter*>(writer->ctx);
    if (self.failure_ != KIFA_OK && self.appends_left_-- == 0) {
      self.appends_left_ = 0;
      return self.failure_;
    }
    self.text.append(static_cast<const char*>(data), size);
    return KIFA_OK;
  }

  kifa_writer table_;
  kifa_status failure_ = KIFA_OK;
  std::uint64_t appends_left_ = 0;
};

}  // namespace kifa::testing
