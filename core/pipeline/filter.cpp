#include "core/pipeline/filter.hpp"

#include <fmt/format.h>
#include <re2/re2.h>

#include <string_view>
#include <utility>

#include "core/base/types.hpp"

namespace kifa::pipeline {

namespace {

// Memory of one compiled pattern with its caches.
constexpr std::int64_t kPatternBytesMax = 8 << 20;

using Pattern = std::unique_ptr<re2::RE2>;

Result<Pattern> compile(const std::string& text, std::string_view option, config::Mark mark) {
  if (text.empty()) {
    return Pattern();
  }
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kPatternBytesMax);
  options.set_never_capture(true);
  auto pattern = std::make_unique<re2::RE2>(text, options);
  if (!pattern->ok()) {
    return Status(Code::invalid, fmt::format("filter in line {}: `{}: {}` is not a regular "
                                             "expression of RE2: {}",
                                             mark.line, option, text, pattern->error()));
  }
  return pattern;
}

bool matches(const re2::RE2& pattern, Bytes payload) {
  const re2::StringPiece text(reinterpret_cast<const char*>(payload.data()), payload.size());
  return pattern.Match(text, 0, text.size(), re2::RE2::UNANCHORED, nullptr, 0);
}

}  // namespace

struct RecordFilter::Impl {
  struct Filter {
    Pattern keep;
    Pattern drop;
  };
  std::vector<Filter> filters;
};

RecordFilter::RecordFilter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RecordFilter::~RecordFilter() = default;

Result<std::unique_ptr<RecordFilter>> RecordFilter::create(
    const std::vector<config::FilterConfig>& filters) {
  auto impl = std::make_unique<Impl>();
  for (const config::FilterConfig& filter : filters) {
    Result<Pattern> keep = compile(filter.keep, "keep", filter.mark);
    if (!keep) {
      return keep.error();
    }
    Result<Pattern> drop = compile(filter.drop, "drop", filter.mark);
    if (!drop) {
      return drop.error();
    }
    impl->filters.push_back({std::move(*keep), std::move(*drop)});
  }
  return std::unique_ptr<RecordFilter>(new RecordFilter(std::move(impl)));
}

bool RecordFilter::keeps(Bytes payload) const {
  for (const Impl::Filter& filter : impl_->filters) {
    if (filter.keep != nullptr && !matches(*filter.keep, payload)) {
      return false;
    }
    if (filter.drop != nullptr && matches(*filter.drop, payload)) {
      return false;
    }
  }
  return true;
}

}  // namespace kifa::pipeline
