#pragma once

#include <vector>

#include "core/base/status.hpp"
#include "core/cli/record_choice.hpp"
#include "core/pipeline/pattern.hpp"
#include "core/store/reader.hpp"
#include "core/store/records.hpp"

namespace kifa::cli {

// What of a choice the store itself can look for. Points into `choice`.
[[nodiscard]] store::Selection selection_of(const RecordChoice& choice);

// What of a choice the store cannot look for: payloads and attributes.
//
// Threads: immutable; keeps() from any thread.
// Errors:  `invalid` for what is no regular expression.
class ChoiceFilter final {
 public:
  // `choice` must live as long.
  static Result<ChoiceFilter> create(const RecordChoice& choice);

  [[nodiscard]] bool keeps(const store::RecordView& record) const {
    return keeps_all_ || judge(record);
  }

 private:
  explicit ChoiceFilter(const RecordChoice& choice) : choice_(&choice) {}
  [[nodiscard]] bool judge(const store::RecordView& record) const;

  const RecordChoice* choice_;
  std::vector<pipeline::Pattern> patterns_;  // none or one
  bool keeps_all_ = false;
};

}  // namespace kifa::cli
