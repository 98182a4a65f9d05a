#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <limits>
#include <optional>
#include <sstream>
#include <string_view>

#include <fmt/format.h>

#include "core/io/posix_file.hpp"

namespace kifa::io {

namespace {

constexpr std::uint32_t kBlockBytesMin = 512;
constexpr std::uint32_t kBlockBytesUnknown = 4096;   // where the kernel does not tell
constexpr std::uint32_t kBlockBytesMax = 1U << 20U;  // more is a broken report
constexpr std::int64_t kReadOnlyFlag = 1;            // ST_RDONLY of statfs
constexpr std::uint64_t kFuseMagic = 0x65735546;

// STATX_DIOALIGN came with Linux 6.1 and its two fields lie in what was reserved before; named here
// so that older headers do as well.
constexpr unsigned int kStatxDirectAlignment = 0x2000U;
constexpr std::size_t kStatxMemoryAlignmentOffset = 0x98;
constexpr std::size_t kStatxFileAlignmentOffset = 0x9c;
static_assert(sizeof(struct statx) >= kStatxFileAlignmentOffset + sizeof(std::uint32_t));

enum class Kind : std::uint8_t { disk, memory, network };

struct KnownType {
  std::uint64_t magic;
  std::string_view name;
  Kind kind;
};

// Magic numbers of statfs(2). Overlay and FUSE say nothing about what is below; FUSE is looked up
// among the mounts.
constexpr std::array kKnownTypes = {
    KnownType{0xEF53, "ext4", Kind::disk},
    KnownType{0x58465342, "xfs", Kind::disk},
    KnownType{0x9123683E, "btrfs", Kind::disk},
    KnownType{0xF2F52010, "f2fs", Kind::disk},
    KnownType{0x2FC12FC1, "zfs", Kind::disk},
    KnownType{0xCA451A4E, "bcachefs", Kind::disk},
    KnownType{0x4D44, "vfat", Kind::disk},
    KnownType{0x2011BAB0, "exfat", Kind::disk},
    KnownType{0x7366746E, "ntfs3", Kind::disk},
    KnownType{0x24051905, "ubifs", Kind::disk},
    KnownType{0x794C7630, "overlay", Kind::disk},
    KnownType{kFuseMagic, "fuse", Kind::disk},
    KnownType{0x01021994, "tmpfs", Kind::memory},
    KnownType{0x858458F6, "ramfs", Kind::memory},
    KnownType{0x958458F6, "hugetlbfs", Kind::memory},
    KnownType{0x6969, "nfs", Kind::network},
    KnownType{0x517B, "smb", Kind::network},
    KnownType{0xFF534D42, "cifs", Kind::network},
    KnownType{0xFE534D42, "smb2", Kind::network},
    KnownType{0x01021997, "9p", Kind::network},
    KnownType{0x00C36400, "ceph", Kind::network},
    KnownType{0x5346414F, "afs", Kind::network},
    KnownType{0x6B414653, "afs", Kind::network},
    KnownType{0x73757245, "coda", Kind::network},
    KnownType{0x0BD00BD0, "lustre", Kind::network},
};

constexpr std::array<std::string_view, 12> kNetworkFuseTypes = {
    "fuse.sshfs", "fuse.glusterfs", "fuse.ceph-fuse", "fuse.s3fs", "fuse.rclone",  "fuse.gcsfuse",
    "fuse.davfs", "fuse.curlftpfs", "fuse.smbnetfs",  "fuse.nfs",  "fuse.juicefs", "fuse.moosefs",
};

struct Mount {
  std::string type;           // "ext4", "fuse.sshfs"
  std::string super_options;  // "rw,nobarrier"
};

// The mount with this device number, from lines like
//   36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
// Empty without /proc or for a device that has no line of its own (btrfs subvolumes).
std::optional<Mount> find_mount(std::uint32_t device_major, std::uint32_t device_minor) {
  const std::string device = fmt::format("{}:{}", device_major, device_minor);
  std::ifstream lines("/proc/self/mountinfo");
  std::string line;
  while (std::getline(lines, line)) {
    std::istringstream words(line);
    std::string id;
    std::string parent;
    std::string number;
    words >> id >> parent >> number;
    const std::size_t separator = line.find(" - ");
    if (number != device || separator == std::string::npos) {
      continue;
    }
    std::istringstream tail(line.substr(separator + 3));
    Mount mount;
    std::string origin;
    tail >> mount.type >> origin >> mount.super_options;
    return mount;
  }
  return std::nullopt;
}

bool has_option(std::string_view options, std::string_view wanted) {
  while (!options.empty()) {
    const std::size_t comma = std::min(options.find(','), options.size());
    if (options.substr(0, comma) == wanted) {
      return true;
    }
    options.remove_prefix(std::min(comma + 1, options.size()));
  }
  return false;
}

// What the device calls its physical block; 0 when /sys does not tell.
std::uint32_t physical_block_bytes(std::uint32_t device_major, std::uint32_t device_minor) {
  const std::string base = fmt::format("/sys/dev/block/{}:{}/", device_major, device_minor);
  for (const std::string_view place : {"queue/", "../queue/"}) {  // a disk, or its partition
    std::ifstream file(fmt::format("{}{}physical_block_size", base, place));
    std::uint32_t bytes = 0;
    if (file >> bytes) {
      return bytes;
    }
  }
  return 0;
}

std::uint32_t field_at(const struct statx& status, std::size_t offset) {
  std::array<std::byte, sizeof(struct statx)> raw{};
  std::memcpy(raw.data(), &status, sizeof(status));
  std::uint32_t value = 0;
  std::memcpy(&value, raw.data() + offset, sizeof(value));
  return value;
}

// Directories and kernels before 6.1 report no alignment.
std::uint32_t direct_block_bytes(const struct statx& status) {
  std::uint32_t bytes = kBlockBytesUnknown;
  if ((status.stx_mask & kStatxDirectAlignment) != 0) {
    const std::uint32_t reported = std::max(field_at(status, kStatxMemoryAlignmentOffset),
                                            field_at(status, kStatxFileAlignmentOffset));
    if (reported != 0) {  // 0: the file does not support direct I/O
      bytes = std::max(reported, kBlockBytesMin);
    }
  }
  bytes = std::max(bytes, physical_block_bytes(status.stx_dev_major, status.stx_dev_minor));
  const bool is_power_of_two = (bytes & (bytes - 1)) == 0;
  return is_power_of_two && bytes <= kBlockBytesMax ? bytes : kBlockBytesUnknown;
}

std::uint64_t saturating_product(std::uint64_t a, std::uint64_t b) {
  std::uint64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? std::numeric_limits<std::uint64_t>::max()
                                                : product;
}

}  // namespace

Result<FileSystemFacts> posix_facts(const std::string& path) {
  struct statfs system{};
  int result = -1;
  do {
    result = ::statfs(path.c_str(), &system);
  } while (result != 0 && errno == EINTR);
  if (result != 0) {
    return call_failed(errno, "query the file system of", path);
  }
  struct statx status{};
  const unsigned int wanted = STATX_BASIC_STATS | kStatxDirectAlignment;
  if (::statx(AT_FDCWD, path.c_str(), AT_STATX_SYNC_AS_STAT, wanted, &status) != 0) {
    return call_failed(errno, "stat", path);
  }

  FileSystemFacts facts;
  const auto unit =
      static_cast<std::uint64_t>(system.f_frsize > 0 ? system.f_frsize : system.f_bsize);
  facts.free_bytes = saturating_product(system.f_bavail, unit);
  facts.total_bytes = saturating_product(system.f_blocks, unit);
  facts.block_bytes = direct_block_bytes(status);
  facts.is_read_only = (static_cast<std::int64_t>(system.f_flags) & kReadOnlyFlag) != 0;

  // f_type is signed on some architectures and 32 bits wide on others.
  const std::uint64_t magic = static_cast<std::uint64_t>(system.f_type) & 0xFFFF'FFFFU;
  facts.type_name = fmt::format("{:#x}", magic);
  const auto* known = std::ranges::find(kKnownTypes, magic, &KnownType::magic);
  if (known != kKnownTypes.end()) {
    facts.type_name = known->name;
    facts.is_memory = known->kind == Kind::memory;
    facts.is_network = known->kind == Kind::network;
  }
  if (const auto mount = find_mount(status.stx_dev_major, status.stx_dev_minor)) {
    facts.has_no_barriers = has_option(mount->super_options, "nobarrier") ||
                            has_option(mount->super_options, "barrier=0");
    if (magic == kFuseMagic) {
      facts.type_name = mount->type;
      facts.is_network =
          std::ranges::find(kNetworkFuseTypes, mount->type) != kNetworkFuseTypes.end();
    }
  }
  return facts;
}

}  // namespace kifa::io
