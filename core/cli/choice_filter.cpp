#include "core/cli/choice_filter.hpp"

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>

namespace kifa::cli {
namespace {

// Where a record comes from counts as attributes, as formatters see it.
bool holds(const AttributeMatch& match, const store::RecordView& record) {
  if (match.key == "kifa.pipeline") {
    return record.pipeline == match.value;
  }
  if (match.key == "kifa.source") {
    return record.source == match.value;
  }
  return std::ranges::any_of(record.attributes, [&match](const store::Attribute& attribute) {
    return attribute.key == match.key && attribute.value == match.value;
  });
}

}  // namespace

store::Selection selection_of(const RecordChoice& choice) {
  return {.first = {choice.from_lsn},
          .last = {choice.to_lsn},
          .min_unix_ns = choice.min_unix_ns,
          .max_unix_ns = choice.max_unix_ns,
          .pipeline = choice.pipeline,
          .source = choice.source};
}

Result<ChoiceFilter> ChoiceFilter::create(const RecordChoice& choice) {
  ChoiceFilter filter(choice);
  if (!choice.grep.empty()) {
    auto pattern = pipeline::Pattern::compile(choice.grep);
    if (!pattern) {
      return pattern.error().with_context("--grep");
    }
    filter.patterns_.push_back(std::move(*pattern));
  }
  filter.keeps_all_ = choice.grep.empty() && choice.matches.empty();
  return filter;
}

bool ChoiceFilter::judge(const store::RecordView& record) const {
  const auto is_held = [&record](const AttributeMatch& match) { return holds(match, record); };
  if (!std::ranges::all_of(choice_->matches, is_held)) {
    return false;
  }
  const pipeline::Bytes payload(reinterpret_cast<const std::uint8_t*>(record.payload.data()),
                                record.payload.size());
  return std::ranges::all_of(
      patterns_, [payload](const pipeline::Pattern& pattern) { return pattern.is_in(payload); });
}

}  // namespace kifa::cli
