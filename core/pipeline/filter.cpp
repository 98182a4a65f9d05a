#include "core/pipeline/filter.hpp"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/pipeline/pattern.hpp"

namespace kifa::pipeline {

namespace {

using MaybePattern = std::optional<Pattern>;

Result<MaybePattern> compile(const std::string& text, std::string_view option, config::Mark mark) {
  if (text.empty()) {
    return MaybePattern();
  }
  auto pattern = Pattern::compile(text);
  if (!pattern) {
    return pattern.error().with_context(fmt::format("filter in line {}: `{}`", mark.line, option));
  }
  return MaybePattern(std::move(*pattern));
}

}  // namespace

struct RecordFilter::Impl {
  struct Filter {
    MaybePattern keep;
    MaybePattern drop;
  };
  std::vector<Filter> filters;
};

RecordFilter::RecordFilter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RecordFilter::~RecordFilter() = default;

Result<std::unique_ptr<RecordFilter>> RecordFilter::create(
    const std::vector<config::FilterConfig>& filters) {
  auto impl = std::make_unique<Impl>();
  for (const config::FilterConfig& filter : filters) {
    auto keep = compile(filter.keep, "keep", filter.mark);
    if (!keep) {
      return keep.error();
    }
    auto drop = compile(filter.drop, "drop", filter.mark);
    if (!drop) {
      return drop.error();
    }
    impl->filters.push_back({std::move(*keep), std::move(*drop)});
  }
  return std::unique_ptr<RecordFilter>(new RecordFilter(std::move(impl)));
}

bool RecordFilter::keeps(Bytes payload) const {
  for (const Impl::Filter& filter : impl_->filters) {
    if (filter.keep && !filter.keep->is_in(payload)) {
      return false;
    }
    if (filter.drop && filter.drop->is_in(payload)) {
      return false;
    }
  }
  return true;
}

}  // namespace kifa::pipeline
