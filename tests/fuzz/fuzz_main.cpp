#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <span>
#include <string>

#include "tests/fuzz/fuzz_target.hpp"

// One target under libFuzzer. With KIFA_FUZZ_SEEDS=FOLDER in the environment the program writes the
// seeds of its target into that folder and ends.

using kifa::fuzz::Target;

namespace {

const Target& the_target() { return kifa::fuzz::targets().front(); }

void write_seeds(const std::string& folder) {
  std::size_t number = 0;
  for (const kifa::fuzz::Bytes& seed : the_target().seeds()) {
    const std::string path = folder + "/seed-" + std::to_string(++number);
    std::ofstream file(path, std::ios::binary);
    file << kifa::as_text(seed) << std::flush;
    if (!file) {
      std::cerr << "cannot write " << path << '\n';
      std::exit(1);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
  if (const char* folder = std::getenv("KIFA_FUZZ_SEEDS")) {
    write_seeds(folder);
    std::exit(0);
  }
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size <= the_target().input_bytes_max) {
    the_target().run(std::as_bytes(std::span(data, size)));
  }
  return 0;
}
