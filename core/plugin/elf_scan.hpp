#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "core/base/status.hpp"

namespace kifa::plugin {

// Where the bytes of a file come from.
struct FileBytes {
  std::uint64_t size = 0;
  // Fills `into` from `offset`; false when it cannot. Never asked for bytes behind `size`.
  std::function<bool(std::uint64_t offset, std::span<std::byte> into)> read_at;
};

// Whether a file can be a plugin for this host, told from its ELF section headers before any of its
// code runs. Works on stripped files.
//
// Not ELF, another machine or word size, not a shared library, no kifa_abi section, another ABI
// major: each is a sentence with its remedy, without the name of the file. Damaged files are
// refused, whatever stands in them: every offset is checked against the size before it is read, and
// at most kSectionsMax sections and kSectionNamesBytesMax bytes of names are looked at.
//
// Threads: none of its own; a function of the bytes.
[[nodiscard]] Status check_plugin_elf(const FileBytes& file);

inline constexpr std::uint64_t kSectionsMax = 65'535;
inline constexpr std::uint64_t kSectionNamesBytesMax = 4U << 20U;

}  // namespace kifa::plugin
