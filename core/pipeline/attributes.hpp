#pragma once

#include <kifa/plugin.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace kifa::pipeline {

// An unchanging array of attributes with everything that it points to. Records share it by pointer;
// a batch keeps the sets of its records alive.
//
// Threads: immutable.
class AttributeSet final {
 public:
  // `base` (may be null) first, then `more`. What goes beyond the limits of one record (64
  // attributes, 64 KiB) is left out and counted in dropped().
  AttributeSet(const AttributeSet* base, std::span<const kifa_attr> more);
  AttributeSet(const AttributeSet&) = delete;
  AttributeSet& operator=(const AttributeSet&) = delete;
  ~AttributeSet() = default;

  [[nodiscard]] std::span<const kifa_attr> attrs() const { return attrs_; }
  [[nodiscard]] std::size_t dropped() const { return dropped_; }

 private:
  std::string text_;
  std::vector<kifa_attr> attrs_;
  std::size_t dropped_ = 0;
};

using AttributesPtr = std::shared_ptr<const AttributeSet>;

// Makes sets that extend a stream's, and finds those it made before: a thousand datagrams of one
// peer share one set.
//
// Threads: confined. Limits: kAttributeSetsMax sets; then it starts anew.
class AttributeCache final {
 public:
  // The set of `base` followed by `more`; `base` itself when `more` is empty.
  AttributesPtr extend(const AttributesPtr& base, std::span<const kifa_attr> more);
  void clear();

 private:
  struct Known {
    AttributesPtr base;  // kept alive: its address is part of the key
    AttributesPtr set;
  };
  std::string key_;  // scratch
  std::unordered_map<std::string, Known> sets_;
};

[[nodiscard]] inline kifa_str to_abi(std::string_view text) { return {text.data(), text.size()}; }
[[nodiscard]] inline std::string_view to_view(kifa_str text) { return {text.data, text.size}; }

}  // namespace kifa::pipeline
