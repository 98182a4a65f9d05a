#include "plugins/sources/file/rotated_name.hpp"

#include <algorithm>
#include <cstddef>

namespace kifa::plugins::file_source {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_border(char c) { return !is_digit(c) && !is_letter(c); }

// ".1", "-20261123", ".2026-11-23T10:00:00Z"
bool is_number_or_date(std::string_view text) {
  if (text.size() < 2 || std::string_view(".-_").find(text[0]) == std::string_view::npos ||
      !is_digit(text[1])) {
    return false;
  }
  return std::ranges::all_of(text, [](char c) {
    return is_digit(c) || std::string_view(".-_:+TZ").find(c) != std::string_view::npos;
  });
}

// In front of an extension a short number may be part of another name: till.log and till-2.log.
bool is_before_extension(std::string_view text) {
  constexpr std::ptrdiff_t kDateDigits = 6;
  return is_number_or_date(text) &&
         (text[0] == '.' || std::ranges::count_if(text, is_digit) >= kDateDigits);
}

std::string_view stem_of(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  return dot == std::string_view::npos || dot == 0 ? std::string_view() : name.substr(0, dot);
}

}  // namespace

void RotatedNames::add(const std::string& name) {
  if (names_.insert(name).second) {
    if (const std::string_view stem = stem_of(name); !stem.empty()) {
      by_stem_[std::string(stem)].push_back(name);
    }
  }
}

std::string RotatedNames::rotated_from(std::string_view name) const {
  if (name.ends_with(".gz")) {
    name.remove_suffix(3);
  }
  for (std::size_t at = name.size(); at-- > 1;) {
    if (!is_border(name[at])) {
      continue;
    }
    const std::string_view front = name.substr(0, at);
    const std::string_view behind = name.substr(at);
    if ((is_number_or_date(behind) || behind == ".old") && names_.contains(front)) {
      return std::string(front);
    }
    const auto stem = by_stem_.find(front);
    if (stem == by_stem_.end()) {
      continue;
    }
    for (const std::string& whole : stem->second) {
      const std::string_view extension = std::string_view(whole).substr(front.size());
      if (behind.size() > extension.size() && behind.ends_with(extension) &&
          is_before_extension(behind.substr(0, behind.size() - extension.size()))) {
        return whole;
      }
    }
  }
  return {};
}

std::vector<std::string> RotatedNames::alike(std::string_view name) const {
  std::vector<std::string> found;
  for (std::size_t at = 1; at < name.size(); ++at) {
    if (!is_border(name[at])) {
      continue;
    }
    const std::string_view front = name.substr(0, at);
    if (names_.contains(front)) {
      found.emplace_back(front);
    }
    if (const auto stem = by_stem_.find(front); stem != by_stem_.end()) {
      std::ranges::copy_if(stem->second, std::back_inserter(found),
                           [name](const std::string& whole) { return whole != name; });
    }
  }
  return found;
}

}  // namespace kifa::plugins::file_source
