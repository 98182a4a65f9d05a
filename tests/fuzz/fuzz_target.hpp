#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "core/base/types.hpp"

// What reads bytes that nobody has vouched for, to be given any bytes at all: by libFuzzer
// (./dev fuzz) and, a few hundred times a run, by test_fuzz.
namespace kifa::fuzz {

using Bytes = std::vector<std::byte>;

struct Target {
  std::string_view name;
  // Real files, to begin with.
  std::vector<Bytes> (*seeds)() = nullptr;
  // Reads `input` and aborts when what it says contradicts itself; what a sanitizer sees aborts as
  // well.
  void (*run)(ByteView input) = nullptr;
  std::size_t input_bytes_max = 0;
  std::uint64_t rounds = 0;  // of test_fuzz
};

// All that are linked into this program.
[[nodiscard]] std::vector<Target>& targets();

// At namespace scope beside the target.
struct Registration {
  explicit Registration(const Target& target) { targets().push_back(target); }
};

// Ends the process with a sentence when `holds` is false.
void expect(bool holds, std::string_view otherwise);

// Forged files are worth more with checksums that hold: of files of the store the first byte says
// whether the target makes them hold before it reads, and whether it also opens for writing.
struct ForgedFile {
  bool reseals = false;
  bool is_written = false;
  Bytes bytes;
};
[[nodiscard]] ForgedFile forged_file(ByteView input);
// A real file in every form.
void add_seeds(std::vector<Bytes>& seeds, ByteView file);

// Copies out what stands at `at`; false: it does not lie inside.
template <class T>
[[nodiscard]] bool take(const Bytes& bytes, std::uint64_t at, T& value) {
  if (at > bytes.size() || bytes.size() - at < sizeof value) {
    return false;
  }
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return true;
}
// The other way round, where take() was true.
template <class T>
void put(Bytes& bytes, std::uint64_t at, const T& value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

// The bytes from `at` on, `size` of them as far as they are there.
[[nodiscard]] ByteView part(const Bytes& bytes, std::uint64_t at, std::uint64_t size);

}  // namespace kifa::fuzz
