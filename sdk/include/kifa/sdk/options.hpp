#pragma once

#include <kifa/plugin.h>
#include <kifa/sdk/option_text.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace kifa::sdk {
inline namespace v1 {

// One option of a component, built and checked at compile time:
//
//   constexpr auto kOptions = options(
//       option::size("buffer_bytes", "How much is read at once.").by_default("64KiB").range(512, 1
//       << 20), option::choice("oversize", "What becomes of a record that is too long.",
//       "split|reject")
//           .by_default("split"),
//       option::path("device", "The device file.").required());
//
// A declaration that breaks a rule does not compile; the compiler's message points into
// option_fault() or at the rule.
class Option final {
 public:
  consteval Option(std::uint32_t type, const char* name, const char* summary,
                   const char* choices = nullptr)
      : raw_{sizeof(kifa_option), type, 0, 0, name, summary, nullptr, nullptr, choices, 0, 0} {}

  // As it would stand in the YAML: "true", "5", "64KiB", "250ms", "split".
  [[nodiscard]] consteval Option by_default(const char* text) const {
    Option changed = *this;
    changed.raw_.default_text = text;
    return changed;
  }
  // For INT and DOUBLE, for example "records".
  [[nodiscard]] consteval Option unit(const char* text) const {
    Option changed = *this;
    changed.raw_.unit = text;
    return changed;
  }
  // Both included; DURATION in nanoseconds, SIZE in bytes.
  [[nodiscard]] consteval Option range(double min, double max) const {
    Option changed = *this;
    changed.raw_.min = min;
    changed.raw_.max = max;
    return changed;
  }
  [[nodiscard]] consteval Option required() const { return with(KIFA_OPTION_REQUIRED); }
  // Never logged or printed.
  [[nodiscard]] consteval Option secret() const { return with(KIFA_OPTION_SECRET); }
  [[nodiscard]] consteval Option deprecated() const { return with(KIFA_OPTION_DEPRECATED); }

  [[nodiscard]] constexpr kifa_option raw() const { return raw_; }

 private:
  [[nodiscard]] consteval Option with(std::uint32_t flag) const {
    Option changed = *this;
    changed.raw_.flags |= flag;
    return changed;
  }

  kifa_option raw_;
};

namespace option {
[[nodiscard]] consteval Option boolean(const char* name, const char* summary) {
  return {KIFA_TYPE_BOOL, name, summary};
}
[[nodiscard]] consteval Option integer(const char* name, const char* summary) {
  return {KIFA_TYPE_INT, name, summary};
}
[[nodiscard]] consteval Option number(const char* name, const char* summary) {
  return {KIFA_TYPE_DOUBLE, name, summary};
}
[[nodiscard]] consteval Option text(const char* name, const char* summary) {
  return {KIFA_TYPE_STRING, name, summary};
}
[[nodiscard]] consteval Option choice(const char* name, const char* summary, const char* choices) {
  return {KIFA_TYPE_ENUM, name, summary, choices};
}
[[nodiscard]] consteval Option duration(const char* name, const char* summary) {
  return {KIFA_TYPE_DURATION, name, summary};
}
[[nodiscard]] consteval Option size(const char* name, const char* summary) {
  return {KIFA_TYPE_SIZE, name, summary};
}
[[nodiscard]] consteval Option path(const char* name, const char* summary) {
  return {KIFA_TYPE_PATH, name, summary};
}
[[nodiscard]] consteval Option list(const char* name, const char* summary) {
  return {KIFA_TYPE_STRING_LIST, name, summary};
}
}  // namespace option

// The declared options of a component, for source<T>(...), framing<T>(...), and so on.
template <class... Declared>
[[nodiscard]] consteval std::array<kifa_option, sizeof...(Declared)> options(Declared... declared) {
  const std::array<kifa_option, sizeof...(Declared)> all{declared.raw()...};
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (const char* fault = option_fault(all[i]); fault != nullptr) {
      throw fault;
    }
    for (std::size_t j = 0; j < i; ++j) {
      if (std::string_view(all[i].name) == all[j].name) {
        throw "name: two options have the same name";
      }
    }
  }
  return all;
}

}  // namespace v1
}  // namespace kifa::sdk
