#include "tests/fuzz/fuzz_target.hpp"

#include <algorithm>
#include <cstdlib>
#include <iostream>

namespace kifa::fuzz {

std::vector<Target>& targets() {
  static std::vector<Target> all;
  return all;
}

void expect(bool holds, std::string_view otherwise) {
  if (!holds) {
    std::cerr << "the fuzz target found: " << otherwise << std::endl;
    std::abort();
  }
}

ForgedFile forged_file(ByteView input) {
  if (input.empty()) {
    return {};
  }
  const unsigned form = std::to_integer<unsigned>(input[0]);
  return {.reseals = (form & 1U) != 0,
          .is_written = (form & 6U) == 6U,
          .bytes = Bytes(input.begin() + 1, input.end())};
}

void add_seeds(std::vector<Bytes>& seeds, ByteView file) {
  for (const unsigned form : {0U, 1U, 6U, 7U}) {
    Bytes seed = {static_cast<std::byte>(form)};
    seed.insert(seed.end(), file.begin(), file.end());
    seeds.push_back(std::move(seed));
  }
}

ByteView part(const Bytes& bytes, std::uint64_t at, std::uint64_t size) {
  const std::uint64_t from = std::min<std::uint64_t>(at, bytes.size());
  return ByteView(bytes).subspan(from, std::min<std::uint64_t>(size, bytes.size() - from));
}

}  // namespace kifa::fuzz
