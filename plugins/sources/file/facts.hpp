#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace kifa::plugins::file_source {

// Which file it is, whatever its name. An inode number is used again after its file is deleted; the
// time of birth, where the file system keeps one, tells the two apart. The number of the device may
// change when the machine starts again, so it counts only where there is no time of birth.
struct Place {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::int64_t birth_ns = 0;  // 0: not known

  [[nodiscard]] bool is_same(const Place& other) const {
    if (inode != other.inode) {
      return false;
    }
    return birth_ns != 0 && other.birth_ns != 0 ? birth_ns == other.birth_ns
                                                : device == other.device;
  }
};

// What the file system says about a file.
struct Facts {
  Place place;
  std::uint64_t size = 0;
  std::int64_t modified_ns = 0;
  std::uint32_t links = 0;  // 0: deleted, and kept by whoever has it open
  bool is_regular = false;
};

// Of what `path` leads to, through symbolic links; nullopt: errno says why.
[[nodiscard]] std::optional<Facts> facts_at(const std::string& path);
[[nodiscard]] std::optional<Facts> facts_of(int fd);

}  // namespace kifa::plugins::file_source
