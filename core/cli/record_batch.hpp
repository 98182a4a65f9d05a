#pragma once

#include <kifa/plugin.h>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "core/base/types.hpp"
#include "core/store/records.hpp"

namespace kifa::cli {

// Gathers copies of records for a formatter: records of one origin share one attribute array, with
// the origin first, as they do in a pipeline.
//
// Limits: kPayloadBytesMax of payload and kRecordsMax records; a single longer record is taken into
//         an empty batch.
//
// Threads: confined.
class RecordBatch final {
 public:
  static constexpr std::size_t kPayloadBytesMax = 256_KiB;
  static constexpr std::size_t kRecordsMax = 1024;

  RecordBatch();

  // False: does not fit, clear() first.
  [[nodiscard]] bool add(const store::RecordView& record);
  void clear();

  [[nodiscard]] const std::vector<kifa_record>& records() const { return records_; }

 private:
  // One array of attributes with the text that it points into.
  struct Attributes {
    explicit Attributes(const store::RecordView& record);
    [[nodiscard]] bool equal(const store::RecordView& record) const;

    std::string text;  // never changed: the views point into it
    std::vector<kifa_attr> views;
  };

  std::string payload_;  // reserved once: records_ point into it
  std::vector<kifa_record> records_;
  std::vector<std::unique_ptr<Attributes>> attributes_;  // of this batch; the last one is current
};

}  // namespace kifa::cli
