#include "core/plugin/elf_scan.hpp"

#include <elf.h>

#include <cstring>
#include <random>
#include <string>

#include "tests/support/catch.hpp"
#include "tests/unit/plugin/support.hpp"

namespace kifa::plugin {
namespace {

// The scanner is held to never ask for a byte behind the end.
FileBytes bytes_of(const std::string& file) {
  return {file.size(), [&file](std::uint64_t offset, std::span<std::byte> into) {
            CHECK(offset <= file.size());
            CHECK(into.size() <= file.size() - offset);
            std::memcpy(into.data(), file.data() + offset, into.size());
            return true;
          }};
}

std::string refusal(const std::string& file) { return check_plugin_elf(bytes_of(file)).message(); }

std::string good_file() { return test::read_file(test::good_plugin("good_c")); }

template <class T>
void patch(std::string& file, std::size_t offset, T value) {
  REQUIRE(offset + sizeof value <= file.size());
  std::memcpy(file.data() + offset, &value, sizeof value);
}

}  // namespace

TEST_CASE("a plugin for this machine and this ABI passes the scan", "[plugin][elf]") {
  CHECK(check_plugin_elf(bytes_of(good_file())).is_ok());
  CHECK(check_plugin_elf(bytes_of(test::read_file(test::good_plugin("good_cpp")))).is_ok());
}

TEST_CASE("a stripped plugin still carries its marker", "[plugin][elf]") {
  const std::string stripped = test::read_file(KIFA_TEST_PLUGIN_DIR "/stripped/good_c.kifa.so");
  CHECK(stripped.size() < good_file().size());
  CHECK(check_plugin_elf(bytes_of(stripped)).is_ok());
}

TEST_CASE("what is not an ELF shared library is no plugin", "[plugin][elf]") {
  const std::string sentence = "not a kifa plugin (not an ELF shared library)";
  CHECK(refusal("") == sentence);
  CHECK(refusal("\x7f") == sentence);
  CHECK(refusal(std::string(10'000, 'x')) == sentence);
  CHECK(refusal("This is a text and no shared library.\n") == sentence);
  std::string object = good_file();
  patch<std::uint16_t>(object, offsetof(Elf64_Ehdr, e_type), ET_REL);
  CHECK(refusal(object) == sentence);
}

#if defined(__x86_64__)
TEST_CASE("a plugin for another machine is refused with both machines", "[plugin][elf]") {
  std::string arm = good_file();
  patch<std::uint16_t>(arm, offsetof(Elf64_Ehdr, e_machine), EM_AARCH64);
  CHECK(refusal(arm) ==
        "built for arm64 (64-bit), this kifa runs on x86-64 (64-bit); ask the vendor for a build "
        "for x86-64 (64-bit)");

  std::string i386 = good_file();
  patch<std::uint8_t>(i386, EI_CLASS, ELFCLASS32);
  patch<std::uint16_t>(i386, offsetof(Elf32_Ehdr, e_machine), EM_386);
  CHECK(refusal(i386) ==
        "built for i386 (32-bit), this kifa runs on x86-64 (64-bit); ask the vendor for a build "
        "for x86-64 (64-bit)");

  std::string s390 = good_file();
  patch<std::uint8_t>(s390, EI_DATA, ELFDATA2MSB);
  patch<std::uint16_t>(s390, offsetof(Elf64_Ehdr, e_machine), 0x1600);  // 22, big endian
  CHECK(refusal(s390) ==
        "built for s390x (64-bit), this kifa runs on x86-64 (64-bit); ask the vendor for a build "
        "for x86-64 (64-bit)");
}
#endif

TEST_CASE("a plugin for another ABI major is refused with both majors", "[plugin][elf]") {
  CHECK(refusal(test::read_file(test::bad_plugin("major_2"))) ==
        "built for plugin ABI 2, this kifa speaks ABI 1; ask the vendor for an ABI 1 build");
}

TEST_CASE("a shared library without the marker is no plugin", "[plugin][elf]") {
  CHECK(refusal(test::read_file(test::bad_plugin("no_marker"))) ==
        "not a kifa plugin (no kifa_abi section)");
  std::string without_sections = good_file();
  patch<std::uint64_t>(without_sections, offsetof(Elf64_Ehdr, e_shoff), 0);
  CHECK(refusal(without_sections) == "not a kifa plugin (no kifa_abi section)");
}

TEST_CASE("an ELF file whose headers point outside it is called damaged", "[plugin][elf]") {
  const std::string good = good_file();
  CHECK(refusal(good.substr(0, 40)) ==
        "damaged ELF file (the header is cut off); install it again");
  CHECK(refusal(good.substr(0, good.size() / 2)) ==
        "damaged ELF file (its section headers lie outside the file); install it again");
  std::string names_outside = good;
  patch<std::uint16_t>(names_outside, offsetof(Elf64_Ehdr, e_shstrndx), 0x7FFF);
  CHECK(refusal(names_outside) ==
        "damaged ELF file (its section headers lie outside the file); install it again");
  std::string endless = good;
  patch<std::uint64_t>(endless, offsetof(Elf64_Ehdr, e_shoff), ~std::uint64_t{0} - 7);
  CHECK(refusal(endless) ==
        "damaged ELF file (its section headers lie outside the file); install it again");
}

TEST_CASE("two thousand damaged plugins never make the scan read outside them", "[plugin][elf]") {
  const std::string good = good_file();
  const unsigned seed = 20'260'131;
  INFO("seed " << seed);
  std::mt19937 random(seed);
  const auto below = [&](std::size_t limit) { return random() % limit; };
  Elf64_Ehdr header{};
  std::memcpy(&header, good.data(), sizeof header);
  int refused = 0;
  for (int i = 0; i < 2000; ++i) {
    std::string damaged = good;
    // Mostly where it hurts: the header and the section headers; sometimes anywhere.
    for (std::size_t change = 0, changes = 1 + below(8); change < changes; ++change) {
      const std::size_t sections = std::min<std::size_t>(header.e_shoff, good.size() - 1);
      std::size_t at = below(good.size());
      if (const std::size_t where = below(4); where == 0) {
        at = below(sizeof header);
      } else if (where < 3) {
        at = sections + below(good.size() - sections);
      }
      damaged[at] = static_cast<char>(random());
    }
    if (below(4) == 0) {
      damaged.resize(below(damaged.size()));
    }
    const Status verdict = check_plugin_elf(bytes_of(damaged));
    refused += verdict ? 0 : 1;
    CHECK((verdict.is_ok() || !verdict.message().empty()));
  }
  CHECK(refused > 500);
}

}  // namespace kifa::plugin
