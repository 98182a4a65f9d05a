#include "core/store/manifest_files.hpp"

#include <cerrno>
#include <string>

#include "core/io/memory_file_system.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/store/manifest_fixture.hpp"

using namespace kifa;                  // NOLINT: a test
using namespace kifa::store;           // NOLINT: a test
using namespace kifa::store::testing;  // NOLINT: a test

namespace {

const std::string kDirectory = "/store";
constexpr std::uint64_t kSeeds = 40;

void put(io::FileSystem& files, const Manifest& manifest) {
  const ManifestWrite written = write_manifest(files, kDirectory, manifest);
  INFO(written.status.message());
  REQUIRE(written.status.is_ok());
  REQUIRE(written.is_certain);
  REQUIRE(written.bytes > 0);
}

LoadedManifest loaded(io::FileSystem& files) {
  auto found = load_manifest(files, kDirectory);
  INFO(found.status().message());
  REQUIRE(found.has_value());
  return std::move(*found);
}

// A disk that holds the first of two versions, for certain.
struct Disk {
  explicit Disk(io::MemoryFileSystemOptions options = {}) : files(options) {
    REQUIRE(files.make_directory(kDirectory, 0700).is_ok());
    REQUIRE(files.sync_directory("/").is_ok());
    put(files, older);
    files.restart_trace();
  }
  std::string path_of(const Manifest& manifest) const {
    return kDirectory + "/" + manifest_file_name(manifest.version);
  }
  Manifest older = three_tables();
  Manifest newer = must(apply(older, PurgeEdit{{1}}));
  io::MemoryFileSystem files;
};

}  // namespace

TEST_CASE("the highest version is loaded, with the one before it", "[store][manifest]") {
  Disk disk;
  put(disk.files, disk.newer);
  const LoadedManifest found = loaded(disk.files);
  CHECK(found.manifest == disk.newer);
  CHECK(found.previous == disk.older);
  CHECK(found.versions == std::vector<std::uint64_t>{disk.older.version, disk.newer.version});
  CHECK(found.damaged.empty());
  CHECK(found.unfinished.empty());
  CHECK_FALSE(found.is_fallback());
}

TEST_CASE("a directory without a manifest has none, and one that is not there is not found",
          "[store][manifest]") {
  io::MemoryFileSystem files;
  CHECK(load_manifest(files, kDirectory).status().code() == Code::not_found);
  REQUIRE(files.make_directory(kDirectory, 0700).is_ok());
  CHECK_FALSE(loaded(files).manifest.has_value());
  CHECK_FALSE(loaded(files).is_fallback());
}

TEST_CASE("the numbers of all names are seen, whatever the files hold", "[store][manifest]") {
  Disk disk;
  for (const char* name :
       {"MANIFEST-0000000000000077", "MANIFEST-0000000000000090.tmp", "table-0000000000000123",
        "table-0000000000000200.damaged", "CHECKPOINTS-0000000000000150", "table-x", "notes"}) {
    REQUIRE(
        disk.files.open(kDirectory + "/" + name, {.access = io::Access::read_write, .create = true})
            .has_value());
  }
  const LoadedManifest found = loaded(disk.files);
  CHECK(found.manifest == disk.older);
  CHECK(found.is_fallback());
  CHECK(found.highest_version == 77);
  CHECK(found.highest_file_number == 200);
  CHECK(found.unfinished == std::vector<std::string>{"MANIFEST-0000000000000090.tmp"});
  REQUIRE(found.damaged.size() == 1);
  CHECK(found.damaged[0].name == "MANIFEST-0000000000000077");
  CHECK(found.names.size() == 8);
}

TEST_CASE("each changed byte of the newest manifest leads back to the one before",
          "[store][manifest][W7]") {
  Disk disk;
  put(disk.files, disk.newer);
  const std::size_t bytes = encode_manifest(disk.newer).size();
  for (std::uint64_t at = 0; at < bytes; ++at) {
    REQUIRE(disk.files.flip_bit(disk.path_of(disk.newer), 8 * at + at % 8).is_ok());
    const LoadedManifest found = loaded(disk.files);
    REQUIRE(found.manifest == disk.older);
    REQUIRE(found.is_fallback());
    REQUIRE(found.damaged.size() == 1);
    REQUIRE(found.damaged[0].why.find("MANIFEST-") != std::string::npos);
    REQUIRE(disk.files.flip_bit(disk.path_of(disk.newer), 8 * at + at % 8).is_ok());
  }
  CHECK(loaded(disk.files).manifest == disk.newer);
}

TEST_CASE("a manifest under the name of another version does not count", "[store][manifest]") {
  Disk disk;
  REQUIRE(disk.files.link(disk.path_of(disk.older), disk.path_of(disk.newer)).is_ok());
  const LoadedManifest found = loaded(disk.files);
  CHECK(found.manifest == disk.older);
  REQUIRE(found.damaged.size() == 1);
  CHECK(found.damaged[0].why.find("is a copy of version") != std::string::npos);
}

TEST_CASE("a manifest that the disk cannot read is damaged, one that cannot be opened is a failure",
          "[store][manifest]") {
  Disk disk;
  put(disk.files, disk.newer);
  const std::string name = manifest_file_name(disk.newer.version);
  disk.files.add_fault({.kind = io::CallKind::read, .path_contains = name, .is_lasting = true});
  CHECK(loaded(disk.files).manifest == disk.older);
  disk.files.clear_faults();
  disk.files.add_fault({.sys_errno = EMFILE, .kind = io::CallKind::open, .path_contains = name});
  CHECK_FALSE(load_manifest(disk.files, kDirectory).has_value());
}

TEST_CASE("when the newest version goes while it is looked at, the directory is looked at again",
          "[store][manifest]") {
  Disk disk;
  put(disk.files, disk.newer);
  const io::Fault gone{.sys_errno = ENOENT,
                       .kind = io::CallKind::open,
                       .path_contains = manifest_file_name(disk.newer.version)};
  disk.files.add_fault(gone);
  LoadedManifest found = loaded(disk.files);
  CHECK(found.manifest == disk.newer);
  CHECK(found.versions.size() == 2);
  CHECK_FALSE(found.is_fallback());
  disk.files.clear_faults();
  io::Fault lasting = gone;
  lasting.is_lasting = true;
  disk.files.add_fault(lasting);
  CHECK(load_manifest(disk.files, kDirectory).status().code() == Code::unavailable);
  disk.files.clear_faults();
  lasting.path_contains = manifest_file_name(disk.older.version);
  disk.files.add_fault(lasting);
  found = loaded(disk.files);
  CHECK(found.manifest == disk.newer);
  CHECK_FALSE(found.previous.has_value());
}

TEST_CASE("a version is never written twice", "[store][manifest]") {
  Disk disk;
  const ManifestWrite again = write_manifest(disk.files, kDirectory, disk.older);
  CHECK(again.status.code() == Code::internal);
  CHECK(again.is_certain);
  Manifest wrong = disk.newer;
  wrong.tables.clear();
  CHECK(write_manifest(disk.files, kDirectory, wrong).status.code() == Code::internal);
  CHECK(loaded(disk.files).manifest == disk.older);
}

TEST_CASE("a temporary file that was left behind is no obstacle", "[store][manifest][W4]") {
  Disk disk;
  REQUIRE(disk.files
              .open(disk.path_of(disk.newer) + ".tmp",
                    {.access = io::Access::read_write, .create = true})
              .has_value());
  put(disk.files, disk.newer);
  const LoadedManifest found = loaded(disk.files);
  CHECK(found.manifest == disk.newer);
  CHECK(found.unfinished.empty());
}

// NOLINTNEXTLINE(readability-function-cognitive-complexity): loops over failures
TEST_CASE("a failure of any call of a write leaves the old or the new version",
          "[store][manifest]") {
  for (const auto effect :
       {io::FaultEffect::fail, io::FaultEffect::fail_partly, io::FaultEffect::short_write}) {
    for (const int sys_errno : {EIO, ENOSPC}) {
      for (const bool is_lasting : {false, true}) {
        bool has_struck = true;
        for (std::uint64_t index = 0; has_struck; ++index) {
          Disk disk;
          disk.files.add_fault(
              {.effect = effect, .sys_errno = sys_errno, .index = index, .is_lasting = is_lasting});
          const ManifestWrite written = write_manifest(disk.files, kDirectory, disk.newer);
          has_struck = disk.files.faults_fired() > 0;
          disk.files.clear_faults();
          const LoadedManifest found = loaded(disk.files);
          INFO("call " << index << ": " << written.status.message());
          REQUIRE(found.manifest.has_value());
          REQUIRE(found.damaged.empty());
          if (written.status) {
            REQUIRE(found.manifest == disk.newer);
          } else if (written.is_certain) {
            REQUIRE(found.manifest == disk.older);
            REQUIRE((is_lasting || found.unfinished.size() <= 1));
          }
          REQUIRE((!has_struck || !written.status || effect == io::FaultEffect::short_write ||
                   index == 1));
        }
      }
    }
  }
}

TEST_CASE("a disk that is full leaves the old version and no temporary file",
          "[store][manifest][W5]") {
  for (const io::FaultEffect effect : {io::FaultEffect::fail, io::FaultEffect::fail_partly}) {
    Disk disk;
    disk.files.add_fault({.effect = effect, .sys_errno = ENOSPC, .kind = io::CallKind::write});
    const ManifestWrite written = write_manifest(disk.files, kDirectory, disk.newer);
    CHECK(written.status.code() == Code::no_space);
    CHECK(written.is_certain);
    CHECK(loaded(disk.files).manifest == disk.older);
    CHECK(loaded(disk.files).unfinished.empty());
    put(disk.files, disk.newer);
  }
}

TEST_CASE("a failed sync of a manifest is never repeated on the same file", "[store][manifest]") {
  Disk disk;
  disk.files.add_fault({.kind = io::CallKind::sync_all});
  const std::uint64_t before = disk.files.call_count(io::CallKind::sync_all);
  const ManifestWrite written = write_manifest(disk.files, kDirectory, disk.newer);
  CHECK(written.status.code() == Code::io);
  CHECK(written.is_certain);
  CHECK(disk.files.call_count(io::CallKind::sync_all) == before + 1);
  CHECK(loaded(disk.files).unfinished.empty());
}

TEST_CASE("a failed sync of the directory is told as uncertain", "[store][manifest]") {
  Disk disk;
  disk.files.add_fault({.kind = io::CallKind::sync_directory});
  const ManifestWrite written = write_manifest(disk.files, kDirectory, disk.newer);
  CHECK_FALSE(written.status.is_ok());
  CHECK_FALSE(written.is_certain);
}

TEST_CASE("a power cut at any point of a write leaves the old or the new version, never nothing",
          "[store][manifest][crash][W4]") {
  Disk disk({.spoils_sectors = true});
  put(disk.files, disk.newer);
  const std::size_t written = disk.files.event_count();
  const io::Trace trace = disk.files.trace();
  std::size_t olds = 0;
  std::size_t news = 0;
  io::CrashPoints points(trace);
  for (;;) {
    for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
      const io::CrashImage image = points.power_cut(seed);
      const LoadedManifest found = loaded(*image);
      INFO("after " << points.passed() << " events, seed " << seed);
      REQUIRE(found.manifest.has_value());
      REQUIRE(found.damaged.empty());
      const bool is_new = found.manifest == disk.newer;
      REQUIRE((is_new || found.manifest == disk.older));
      REQUIRE((is_new || points.passed() < written));
      ++(is_new ? news : olds);
      const io::CrashImage killed = points.kill(seed);
      REQUIRE(loaded(*killed).manifest.has_value());
      // The next writer can go on from whatever is there.
      const Manifest next =
          must(apply(*found.manifest, SettleEdit{}, {.highest_version = found.highest_version}));
      put(*image, next);
      REQUIRE(loaded(*image).manifest == next);
    }
    if (points.at_end()) {
      break;
    }
    points.advance();
  }
  CHECK(olds > kSeeds);
  CHECK(news >= kSeeds);
}
