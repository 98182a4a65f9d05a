#include "core/pipeline/pattern.hpp"

#include <fmt/format.h>
#include <re2/re2.h>

#include <cstdint>
#include <utility>

namespace kifa::pipeline {

namespace {

constexpr std::int64_t kPatternBytesMax = 8 << 20;

re2::RE2::Options options() {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kPatternBytesMax);
  options.set_never_capture(true);
  return options;
}

}  // namespace

struct Pattern::Impl {
  explicit Impl(const std::string& expression) : regex(expression, options()) {}
  re2::RE2 regex;
};

Pattern::Pattern(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Pattern::Pattern(Pattern&& other) noexcept = default;
Pattern& Pattern::operator=(Pattern&& other) noexcept = default;
Pattern::~Pattern() = default;

Result<Pattern> Pattern::compile(const std::string& expression) {
  auto impl = std::make_unique<Impl>(expression);
  if (!impl->regex.ok()) {
    return Status(Code::invalid, fmt::format("`{}` is not a regular expression of RE2: {}",
                                             expression, impl->regex.error()));
  }
  return Pattern(std::move(impl));
}

bool Pattern::is_in(Bytes payload) const {
  const re2::StringPiece text(reinterpret_cast<const char*>(payload.data()), payload.size());
  return impl_->regex.Match(text, 0, text.size(), re2::RE2::UNANCHORED, nullptr, 0);
}

}  // namespace kifa::pipeline
