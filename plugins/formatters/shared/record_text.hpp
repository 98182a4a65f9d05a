#pragma once

#include <kifa/sdk.hpp>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "plugins/formatters/shared/output_buffer.hpp"

// The parts of a record that more than one formatter writes.
namespace kifa::plugins {

inline constexpr std::string_view kPipelineKey = "kifa.pipeline";
inline constexpr std::string_view kSourceKey = "kifa.source";

inline constexpr std::size_t kNumberBytesMax = 20;

inline char* write(char* at, std::string_view text) {
  std::memcpy(at, text.data(), text.size());
  return at + text.size();
}

template <class Number>
char* write_number(char* at, Number number) {
  return std::to_chars(at, at + kNumberBytesMax, number).ptr;
}

[[nodiscard]] inline std::span<const kifa_attr> attributes_of(const kifa_record& record) {
  return {record.attrs, record.attr_count};
}

// Null when there is none. The first one counts: the host puts its own first.
[[nodiscard]] inline const kifa_attr* find_attribute(std::span<const kifa_attr> attrs,
                                                     std::string_view key) {
  const auto found = std::find_if(attrs.begin(), attrs.end(), [key](const kifa_attr& attr) {
    return sdk::text_of(attr.key) == key;
  });
  return found == attrs.end() ? nullptr : &*found;
}

// Whether `attr`, one of the record's, is its pipeline or its source: a second one of that name is
// an attribute like others.
[[nodiscard]] inline bool is_origin(const kifa_record& record, const kifa_attr& attr) {
  const std::string_view key = sdk::text_of(attr.key);
  return (key == kPipelineKey || key == kSourceKey) &&
         find_attribute(attributes_of(record), key) == &attr;
}

// Empty when there is none.
[[nodiscard]] inline std::string_view attribute_text(const kifa_record& record,
                                                     std::string_view key) {
  const kifa_attr* const found = find_attribute(attributes_of(record), key);
  return found == nullptr ? std::string_view() : sdk::text_of(found->value);
}

struct FlagName {
  std::uint32_t flag;
  std::string_view name;
};
inline constexpr FlagName kFlagNames[] = {{KIFA_RECORD_TRUNCATED, "truncated"},
                                          {KIFA_RECORD_SPLIT, "split"},
                                          {KIFA_RECORD_PARTIAL, "partial"},
                                          {KIFA_RECORD_RESENT, "resent"}};

// The names of `flags` with `between` between them; those of a newer kifa as "unknown:48", so that
// nothing is hidden.
inline void append_flags(OutputBuffer& out, std::uint32_t flags, std::string_view between) {
  std::string_view separator;
  for (const FlagName& known : kFlagNames) {
    if ((flags & known.flag) != 0) {
      out.append(separator);
      out.append(known.name);
      separator = between;
      flags &= ~known.flag;
    }
  }
  if (flags != 0) {
    out.append(separator);
    out.append("unknown:");
    char* const at = out.room(kNumberBytesMax);
    out.advance_to(write_number(at, flags));
  }
}

}  // namespace kifa::plugins
