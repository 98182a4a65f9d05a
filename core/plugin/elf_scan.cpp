#include "core/plugin/elf_scan.hpp"

#include <elf.h>
#include <fmt/format.h>
#include <kifa/plugin.h>

#include <bit>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kifa::plugin {
namespace {

constexpr std::string_view kMarkerPrefix = "kifa_abi";

// What this host is made for; plugins must be made for the same.
#if defined(__x86_64__)
constexpr std::uint16_t kHostMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr std::uint16_t kHostMachine = EM_AARCH64;
#elif defined(__arm__)
constexpr std::uint16_t kHostMachine = EM_ARM;
#elif defined(__i386__)
constexpr std::uint16_t kHostMachine = EM_386;
#elif defined(__riscv)
constexpr std::uint16_t kHostMachine = EM_RISCV;
#elif defined(__powerpc64__)
constexpr std::uint16_t kHostMachine = EM_PPC64;
#else
#error "name the ELF machine of this processor here"
#endif
constexpr bool kHostIs64 = sizeof(void*) == 8;
constexpr unsigned char kHostOrder =
    std::endian::native == std::endian::little ? ELFDATA2LSB : ELFDATA2MSB;

std::string machine_name(std::uint16_t machine) {
  switch (machine) {
    case EM_X86_64:
      return "x86-64";
    case EM_386:
      return "i386";
    case EM_AARCH64:
      return "arm64";
    case EM_ARM:
      return "arm";
    case EM_RISCV:
      return "riscv";
    case EM_PPC64:
      return "ppc64";
    case EM_S390:
      return "s390x";
    case EM_MIPS:
      return "mips";
    case EM_LOONGARCH:
      return "loongarch";
    default:
      return fmt::format("machine {}", machine);
  }
}

std::string built_for(std::uint16_t machine, bool is_64) {
  return fmt::format("{} ({}-bit)", machine_name(machine), is_64 ? 64 : 32);
}

Status not_a_plugin(std::string_view why) {
  return {Code::unsupported, fmt::format("not a kifa plugin ({})", why)};
}
Status damaged(std::string_view what) {
  return {Code::corrupt, fmt::format("damaged ELF file ({}); install it again", what)};
}

bool fits(const FileBytes& file, std::uint64_t offset, std::uint64_t size) {
  return offset <= file.size && size <= file.size - offset;
}

template <class T>
bool read_struct(const FileBytes& file, std::uint64_t offset, T& into) {
  return fits(file, offset, sizeof into) &&
         file.read_at(offset, std::as_writable_bytes(std::span(&into, 1)));
}

// Identification: is it ELF, and of this machine? The rest of the file can only be read when it is.
Status check_identity(const FileBytes& file) {
  unsigned char ident[EI_NIDENT] = {};
  if (!read_struct(file, 0, ident) || std::memcmp(ident, ELFMAG, SELFMAG) != 0) {
    return not_a_plugin("not an ELF shared library");
  }
  // e_type and e_machine stand at the same place in both word sizes.
  unsigned char kind[4] = {};
  if (!read_struct(file, EI_NIDENT, kind)) {
    return damaged("the header is cut off");
  }
  const bool is_msb = ident[EI_DATA] == ELFDATA2MSB;
  const auto machine =
      static_cast<std::uint16_t>(is_msb ? kind[2] * 256 + kind[3] : kind[3] * 256 + kind[2]);
  const bool is_64 = ident[EI_CLASS] == ELFCLASS64;
  if (machine != kHostMachine || is_64 != kHostIs64 || ident[EI_DATA] != kHostOrder) {
    const std::string host = built_for(kHostMachine, kHostIs64);
    return {Code::unsupported,
            fmt::format("built for {}, this kifa runs on {}; ask the vendor for a build for {}",
                        built_for(machine, is_64), host, host)};
  }
  return {};
}

// Gathers what the section names say.
struct MarkerSearch {
  bool found_own = false;
  std::optional<std::string> found_other;  // what follows kifa_abi

  void look_at(std::string_view name) {
    if (!name.starts_with(kMarkerPrefix)) {
      return;
    }
    const std::string_view major = name.substr(kMarkerPrefix.size());
    if (major == std::to_string(KIFA_ABI_MAJOR)) {
      found_own = true;
    } else if (!major.empty() && major.find_first_not_of("0123456789") == std::string_view::npos &&
               major.size() <= 5) {
      found_other = std::string(major);
    }
  }

  [[nodiscard]] Status verdict() const {
    if (found_own) {
      return {};
    }
    if (found_other) {
      return {Code::unsupported,
              fmt::format("built for plugin ABI {}, this kifa speaks ABI {}; ask the vendor for "
                          "an ABI {} build",
                          *found_other, KIFA_ABI_MAJOR, KIFA_ABI_MAJOR)};
    }
    return not_a_plugin("no kifa_abi section");
  }
};

template <class Ehdr, class Shdr>
Status check_sections(const FileBytes& file) {
  Ehdr header{};
  if (!read_struct(file, 0, header)) {
    return damaged("the header is cut off");
  }
  if (header.e_type != ET_DYN) {
    return not_a_plugin("not an ELF shared library");
  }
  if (header.e_shoff == 0) {
    return not_a_plugin("no kifa_abi section");
  }
  Shdr first{};
  if (header.e_shentsize != sizeof(Shdr) || !read_struct(file, header.e_shoff, first)) {
    return damaged("its section headers lie outside the file");
  }
  // Numbers that do not fit into the header stand in the first section.
  const std::uint64_t count = header.e_shnum != 0 ? header.e_shnum : first.sh_size;
  const std::uint64_t names_index =
      header.e_shstrndx != SHN_XINDEX ? header.e_shstrndx : first.sh_link;
  if (count > kSectionsMax || names_index >= count ||
      !fits(file, header.e_shoff, count * sizeof(Shdr))) {
    return damaged("its section headers lie outside the file");
  }
  std::vector<Shdr> sections(count);
  if (!file.read_at(header.e_shoff, std::as_writable_bytes(std::span(sections)))) {
    return damaged("its section headers cannot be read");
  }
  const Shdr& names_section = sections[names_index];
  if (names_section.sh_size > kSectionNamesBytesMax ||
      !fits(file, names_section.sh_offset, names_section.sh_size)) {
    return damaged("its section names lie outside the file");
  }
  std::string names(names_section.sh_size, '\0');
  if (!names.empty() &&
      !file.read_at(names_section.sh_offset, std::as_writable_bytes(std::span(names)))) {
    return damaged("its section names cannot be read");
  }
  MarkerSearch search;
  for (const Shdr& section : sections) {
    if (section.sh_name >= names.size()) {
      continue;
    }
    const std::string_view rest = std::string_view(names).substr(section.sh_name);
    search.look_at(rest.substr(0, rest.find('\0')));
  }
  return search.verdict();
}

}  // namespace

Status check_plugin_elf(const FileBytes& file) {
  KIFA_TRY(check_identity(file));
  if constexpr (kHostIs64) {
    return check_sections<Elf64_Ehdr, Elf64_Shdr>(file);
  } else {
    return check_sections<Elf32_Ehdr, Elf32_Shdr>(file);
  }
}

}  // namespace kifa::plugin
