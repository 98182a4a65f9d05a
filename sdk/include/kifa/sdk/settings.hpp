#pragma once

#include <kifa/sdk/status.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kifa::sdk {
inline namespace v1 {

// The settings of one instance, looked up by option name and already checked by the host against
// the declared options: every option that has a value or a default is there.
//
// Threads: valid inside configure() only, and so are the texts that it gives.
// Errors:  a name that was not declared, has neither value nor default, or another type is a fault
//          of the component: Failure, which configure()'s caller turns into KIFA_INTERNAL.
class Settings final {
 public:
  Settings(const kifa_setting* first, std::uint32_t count, std::uint32_t stride)
      : all_(first, count, stride) {}

  // Options without a default are absent when the user did not write them.
  [[nodiscard]] bool has(std::string_view name) const { return find(name) != nullptr; }
  // True when the user wrote it, false when it is the default or absent.
  [[nodiscard]] bool is_explicit(std::string_view name) const {
    const kifa_setting* setting = find(name);
    return setting != nullptr && (setting->flags & KIFA_SETTING_DEFAULTED) == 0;
  }

  [[nodiscard]] bool boolean(std::string_view name) const {
    return get(name, KIFA_TYPE_BOOL).integer != 0;
  }
  [[nodiscard]] std::int64_t integer(std::string_view name) const {
    return get(name, KIFA_TYPE_INT).integer;
  }
  [[nodiscard]] double number(std::string_view name) const {
    return get(name, KIFA_TYPE_DOUBLE).number;
  }
  // STRING, ENUM and PATH.
  [[nodiscard]] std::string_view text(std::string_view name) const {
    const kifa_setting& setting = get(name, 0);
    if (setting.type != KIFA_TYPE_STRING && setting.type != KIFA_TYPE_ENUM &&
        setting.type != KIFA_TYPE_PATH) {
      throw Failure(wrong(name, "has another type"));
    }
    return text_of(setting.text);
  }
  [[nodiscard]] std::int64_t duration_ns(std::string_view name) const {
    return get(name, KIFA_TYPE_DURATION).integer;
  }
  [[nodiscard]] std::uint64_t size_bytes(std::string_view name) const {
    return static_cast<std::uint64_t>(get(name, KIFA_TYPE_SIZE).integer);
  }
  [[nodiscard]] std::vector<std::string> list(std::string_view name) const {
    const kifa_setting& setting = get(name, KIFA_TYPE_STRING_LIST);
    std::vector<std::string> texts;
    texts.reserve(setting.list_count);
    for (std::uint32_t i = 0; i < setting.list_count; ++i) {
      texts.emplace_back(text_of(setting.list[i]));
    }
    return texts;
  }

  // Null when absent.
  [[nodiscard]] const kifa_setting* find(std::string_view name) const {
    for (const kifa_setting& setting : all_) {
      if (name == setting.name) {
        return &setting;
      }
    }
    return nullptr;
  }
  [[nodiscard]] const Strided<kifa_setting>& all() const { return all_; }

 private:
  static Status wrong(std::string_view name, std::string_view how) {
    return Status::internal("the setting '" + std::string(name) + "' that the component asks for " +
                            std::string(how));
  }

  [[nodiscard]] const kifa_setting& get(std::string_view name, std::uint32_t type) const {
    const kifa_setting* setting = find(name);
    if (setting == nullptr) {
      throw Failure(wrong(name, "has no value"));
    }
    if (type != 0 && setting->type != type) {
      throw Failure(wrong(name, "has another type"));
    }
    return *setting;
  }

  Strided<kifa_setting> all_;
};

}  // namespace v1
}  // namespace kifa::sdk
