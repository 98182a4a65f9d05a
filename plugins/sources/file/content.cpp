#include "plugins/sources/file/content.hpp"

#include <charconv>
#include <cstring>
#include <string_view>
#include <type_traits>

namespace kifa::plugins::file_source {

namespace {

constexpr std::size_t kKeyBytes = 16;
constexpr std::uint16_t kVersion = 1;
constexpr std::uint16_t kLost = 1U << 0U;

// The state of a checkpoint, followed by the two paths.
struct Stored {
  std::uint16_t version = kVersion;
  std::uint16_t flags = 0;
  std::uint16_t base_bytes = 0;
  std::uint16_t path_bytes = 0;  // 0: as the base
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::int64_t birth_ns = 0;
  std::int64_t modified_ns = 0;
  std::uint64_t head_bytes = 0;
  std::uint64_t head_hash = 0;
  std::uint64_t tail_offset = 0;
  std::uint64_t tail_hash = 0;
};
static_assert(sizeof(Stored) == 72 && std::is_trivially_copyable_v<Stored>);
static_assert(sizeof(Stored) + 2 * Content::kPathBytesMax <= 1024);

}  // namespace

std::string Content::key() const {
  std::string text(kKeyBytes, '0');
  std::uint64_t rest = number;
  for (std::size_t at = kKeyBytes; rest != 0; rest >>= 4U) {
    text[--at] = "0123456789abcdef"[rest & 0xFU];
  }
  return text;
}

std::uint64_t number_of_key(std::string_view key) {
  std::uint64_t number = 0;
  const auto [end, failed] = std::from_chars(key.data(), key.data() + key.size(), number, 16);
  return key.size() == kKeyBytes && failed == std::errc() && end == key.data() + key.size() ? number
                                                                                            : 0;
}

std::string encode_state(const Content& content) {
  const Mark& mark = content.trail.mark();
  Stored stored;
  stored.flags = content.is_lost ? kLost : 0;
  stored.base_bytes = static_cast<std::uint16_t>(content.base.size());
  const bool moved = content.path != content.base;
  stored.path_bytes = static_cast<std::uint16_t>(moved ? content.path.size() : 0);
  stored.device = content.place.device;
  stored.inode = content.place.inode;
  stored.birth_ns = content.place.birth_ns;
  stored.modified_ns = content.modified_ns;
  stored.head_bytes = mark.head_bytes;
  stored.head_hash = mark.head_hash;
  stored.tail_offset = mark.tail_offset;
  stored.tail_hash = mark.tail_hash;
  std::string state(sizeof stored, '\0');
  std::memcpy(state.data(), &stored, sizeof stored);
  state += content.base;
  state += moved ? content.path : std::string();
  return state;
}

bool decode_state(std::string_view state, Content& content) {
  Stored stored;
  if (state.size() < sizeof stored) {
    return false;
  }
  std::memcpy(&stored, state.data(), sizeof stored);
  const std::string_view paths = state.substr(sizeof stored);
  if (stored.version != kVersion || stored.base_bytes == 0 || stored.head_bytes > kHeadBytes ||
      paths.size() != std::size_t{stored.base_bytes} + stored.path_bytes) {
    return false;
  }
  content.base = paths.substr(0, stored.base_bytes);
  content.path = stored.path_bytes == 0 ? content.base : paths.substr(stored.base_bytes);
  content.place = {stored.device, stored.inode, stored.birth_ns};
  content.modified_ns = stored.modified_ns;
  content.is_lost = (stored.flags & kLost) != 0;
  content.trail.set({.head_bytes = static_cast<std::uint32_t>(stored.head_bytes),
                     .head_hash = stored.head_hash,
                     .tail_offset = stored.tail_offset,
                     .tail_hash = stored.tail_hash});
  return content.base.starts_with('/') && content.path.starts_with('/');
}

}  // namespace kifa::plugins::file_source
