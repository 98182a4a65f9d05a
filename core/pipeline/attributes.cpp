#include "core/pipeline/attributes.hpp"

#include <cstring>

#include "core/base/limits.hpp"
#include "core/pipeline/limits.hpp"

namespace kifa::pipeline {

AttributeSet::AttributeSet(const AttributeSet* base, std::span<const kifa_attr> more) {
  std::size_t bytes = 0;
  const auto take = [&](std::span<const kifa_attr> attrs) {
    for (const kifa_attr& attr : attrs) {
      const std::size_t size = attr.key.size + attr.value.size;
      if (attrs_.size() == limits::kAttributesMax || bytes + size > limits::kAttributeBytesMax) {
        ++dropped_;
        continue;
      }
      bytes += size;
      attrs_.push_back(attr);
    }
  };
  if (base != nullptr) {
    take(base->attrs());
  }
  take(more);
  text_.reserve(bytes);  // the views below need text that never moves
  const auto keep = [this](kifa_str text) {
    const std::size_t at = text_.size();
    text_.append(text.data, text.size);
    return kifa_str{text_.data() + at, text.size};
  };
  for (kifa_attr& attr : attrs_) {
    attr.key = keep(attr.key);
    attr.value = keep(attr.value);
  }
}

AttributesPtr AttributeCache::extend(const AttributesPtr& base, std::span<const kifa_attr> more) {
  if (more.empty()) {
    return base;
  }
  key_.clear();
  const auto add = [this](const void* data, std::size_t size) {
    key_.append(static_cast<const char*>(data), size);
  };
  const auto identity = reinterpret_cast<std::uintptr_t>(base.get());
  add(&identity, sizeof(identity));
  for (const kifa_attr& attr : more) {
    add(&attr.key.size, sizeof(attr.key.size));
    add(attr.key.data, attr.key.size);
    add(&attr.value.size, sizeof(attr.value.size));
    add(attr.value.data, attr.value.size);
  }
  const auto found = sets_.find(key_);
  if (found != sets_.end()) {
    return found->second.set;
  }
  if (sets_.size() >= kAttributeSetsMax) {
    sets_.clear();
  }
  auto set = std::make_shared<const AttributeSet>(base.get(), more);
  sets_.emplace(key_, Known{base, set});
  return set;
}

void AttributeCache::clear() { sets_.clear(); }

}  // namespace kifa::pipeline
