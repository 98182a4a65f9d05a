#include "core/cli/export_files.hpp"

#include <string>
#include <vector>

#include "core/cli/export_manifest.hpp"
#include "core/io/memory_file_system.hpp"
#include "tests/support/catch.hpp"

namespace kifa::cli {
namespace {

constexpr const char* kTarget = "/out/sales.json";
constexpr const char* kManifest = "/out/sales.json.manifest.json";

// "" for a file that is not there.
std::string text_of(io::MemoryFileSystem& files, const std::string& path) {
  const auto content = files.content(path);
  return content ? std::string(as_text(*content)) : "";
}

std::vector<std::string> names_in(io::MemoryFileSystem& files) {
  std::vector<std::string> names;
  const auto entries = files.list("/out");
  REQUIRE(entries.has_value());
  for (const io::DirectoryEntry& entry : *entries) {
    names.push_back(entry.name);
  }
  return names;
}

std::string manifest_of(const std::string& data) {
  ExportManifest manifest;
  manifest.content_sha256 = data.substr(0, 3);
  return manifest_json(manifest, {});
}

Status publish(io::FileSystem& files, const std::string& data, bool may_replace = false) {
  auto made = ExportFiles::create(files, kTarget, may_replace);
  KIFA_TRY(made.status());
  KIFA_TRY((*made)->data().append(data.substr(0, data.size() / 2)));
  KIFA_TRY((*made)->data().append(data.substr(data.size() / 2)));
  return (*made)->publish(manifest_of(data));
}

// A file system with the folder, and perhaps an older export, all of it on the disk.
struct Disk {
  explicit Disk(const std::string& older) {
    REQUIRE(files.make_directory("/out", 0700).is_ok());
    REQUIRE(files.sync_directory("/").is_ok());
    if (!older.empty()) {
      REQUIRE(publish(files, older).is_ok());
    }
  }
  io::MemoryFileSystem files;
};

// What may be seen: nothing, the old one or the new one, each whole; a manifest beside a file is
// its own; hidden names only besides.
std::string wrong_in(io::MemoryFileSystem& files, const std::string& older,
                     const std::string& newer) {
  const std::string data = text_of(files, kTarget);
  const std::string manifest = text_of(files, kManifest);
  if (data != older && data != newer) {
    return "half an export: " + data;
  }
  if (!data.empty() && !manifest.empty() && manifest != manifest_of(data)) {
    return "the manifest of another export";
  }
  for (const std::string& name : names_in(files)) {
    if (!name.starts_with(".") && name != "sales.json" && name != "sales.json.manifest.json") {
      return "a file that is no export: " + name;
    }
  }
  return {};
}

void check_visible(io::MemoryFileSystem& files, const std::string& older,
                   const std::string& newer) {
  const std::string wrong = wrong_in(files, older, newer);
  INFO(wrong);
  CHECK(wrong.empty());
}

// A deliberate fault: what is written under a hidden name until it is whole stands in its place at
// once, and its rename does nothing.
class InPlace final : public io::FileSystem {
 public:
  explicit InPlace(io::FileSystem& files) : files_(files) {}

  Result<std::unique_ptr<io::File>> open(const std::string& path, io::OpenOptions o) override {
    return files_.open(in_place(path), o);
  }
  Status rename(const std::string& from, const std::string& to) override {
    return in_place(from) == to ? Status() : files_.rename(from, to);
  }
  Status remove(const std::string& path) override { return files_.remove(in_place(path)); }
  Result<io::FileInfo> info(const std::string& path) override {
    return files_.info(in_place(path));
  }
  Status make_directory(const std::string& path, std::uint32_t mode) override {
    return files_.make_directory(path, mode);
  }
  Status link(const std::string& from, const std::string& to) override {
    return files_.link(from, to);
  }
  Status remove_directory(const std::string& path) override {
    return files_.remove_directory(path);
  }
  Status sync_directory(const std::string& path) override { return files_.sync_directory(path); }
  Result<std::vector<io::DirectoryEntry>> list(const std::string& path) override {
    return files_.list(path);
  }
  Result<io::FileSystemFacts> facts(const std::string& path) override { return files_.facts(path); }

 private:
  static std::string in_place(const std::string& path) {
    constexpr std::string_view kSuffix = ".kifa-partial";
    if (!path.ends_with(kSuffix)) {
      return path;
    }
    std::string place = path.substr(0, path.size() - kSuffix.size());
    place.erase(place.rfind('/') + 1, 1);
    return place;
  }
  io::FileSystem& files_;
};

TEST_CASE("an export appears with its manifest, and leaves nothing else", "[cli][export]") {
  Disk disk("");
  const std::string data(1'000'000, 'x');  // more than is gathered at once
  REQUIRE(publish(disk.files, data).is_ok());
  CHECK(text_of(disk.files, kTarget) == data);
  CHECK(text_of(disk.files, kManifest) == manifest_of(data));
  CHECK(names_in(disk.files).size() == 2);
  const auto info = disk.files.info(kTarget);
  REQUIRE(info.has_value());
  CHECK((info->mode & 0777U) == 0600);
  CHECK(publish(disk.files, "more").message() ==
        "/out/sales.json is there already: give --force to replace it");
  CHECK(text_of(disk.files, kTarget) == data);
  REQUIRE(publish(disk.files, "new", true).is_ok());
  CHECK(text_of(disk.files, kTarget) == "new");
  CHECK(text_of(disk.files, kManifest) == manifest_of("new"));
}

TEST_CASE("what is not published is gone with its object", "[cli][export]") {
  Disk disk("");
  {
    const auto made = ExportFiles::create(disk.files, kTarget, false);
    REQUIRE(made.has_value());
    REQUIRE((*made)->data().append("half").is_ok());
    REQUIRE((*made)->data().flush().is_ok());
    CHECK(names_in(disk.files) == std::vector<std::string>{".sales.json.kifa-partial"});
    const auto second = ExportFiles::create(disk.files, kTarget, true);
    REQUIRE_FALSE(second.has_value());
    CHECK(second.error().code() == Code::locked);
    CHECK(second.error().message() ==
          "another process is writing /out/sales.json; wait until it has ended");
  }
  CHECK(names_in(disk.files).empty());
}

TEST_CASE("a target that is no file, and a folder that is not there, are refused",
          "[cli][export]") {
  Disk disk("");
  REQUIRE(disk.files.make_directory("/out/folder", 0700).is_ok());
  const auto refusal = [&disk](const std::string& target) {
    return ExportFiles::create(disk.files, target, true).status();
  };
  CHECK(refusal("/out/folder").code() == Code::invalid);
  CHECK(refusal("/out/").message() == "`/out/` names a folder: name a file in it");
  CHECK(refusal("/nowhere/sales.json").code() == Code::not_found);
  CHECK(refusal("/nowhere/sales.json").message() ==
        "there is no folder /nowhere to write sales.json into");
}

TEST_CASE("after a kill at any moment nothing partial is visible, and the next export clears up",
          "[cli][export]") {
  for (const std::string& older : {std::string(), std::string("old export")}) {
    const std::string newer = "new export";
    Disk disk(older);
    disk.files.restart_trace();
    REQUIRE(publish(disk.files, newer, true).is_ok());
    const io::Trace trace = disk.files.trace();
    REQUIRE(trace.events.size() > 5);
    for (std::size_t at = 0; at < trace.events.size(); ++at) {
      INFO("after event " << at << " of " << trace.events.size() << ", older: " << older);
      const io::CrashImage killed = io::kill_after(trace, at, 1);
      check_visible(*killed, older, newer);
      const bool may_replace = !text_of(*killed, kTarget).empty();
      REQUIRE(publish(*killed, "next export", may_replace).is_ok());
      CHECK(names_in(*killed).size() == 2);
      CHECK(text_of(*killed, kManifest) == manifest_of("next export"));
    }
  }
}

TEST_CASE("after a power cut at any moment nothing partial is visible", "[cli][export]") {
  for (const std::string& older : {std::string(), std::string("old export")}) {
    const std::string newer = "new export";
    Disk disk(older);
    disk.files.restart_trace();
    REQUIRE(publish(disk.files, newer, true).is_ok());
    const io::Trace trace = disk.files.trace();
    for (std::size_t at = 0; at < trace.events.size(); ++at) {
      for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        INFO("after event " << at << " of " << trace.events.size() << ", seed " << seed);
        check_visible(*io::crash_after(trace, at, seed), older, newer);
      }
    }
    const io::CrashImage after = io::crash_after(trace, trace.events.size() - 1, 1);
    CHECK(text_of(*after, kTarget) == newer);
    CHECK(text_of(*after, kManifest) == manifest_of(newer));
  }
}

TEST_CASE("an export that is written in its place, without a rename, is noticed",
          "[cli][export][mutants]") {
  for (const std::string& older : {std::string(), std::string("old export")}) {
    const std::string newer(3000, 'n');  // several sectors
    Disk disk(older);
    disk.files.restart_trace();
    InPlace in_place(disk.files);
    REQUIRE(publish(in_place, newer, true).is_ok());
    CHECK(wrong_in(disk.files, older, newer).empty());  // without a crash all looks well
    const io::Trace trace = disk.files.trace();
    std::size_t noticed_kills = 0;
    std::size_t noticed_cuts = 0;
    for (std::size_t at = 0; at < trace.events.size(); ++at) {
      for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        const io::CrashImage cut = io::crash_after(trace, at, seed);
        const io::CrashImage killed = io::kill_after(trace, at, seed);
        noticed_kills += wrong_in(*killed, older, newer).empty() ? 0 : 1;
        noticed_cuts += wrong_in(*cut, older, newer).empty() ? 0 : 1;
      }
    }
    INFO("older: " << older);
    CHECK(noticed_kills > 0);
    CHECK(noticed_cuts > 0);
  }
}

TEST_CASE("an export that fails at any call says so and leaves what was there", "[cli][export]") {
  for (const std::string& older : {std::string(), std::string("old export")}) {
    const std::string newer = "new export";
    Disk counted(older);
    const std::uint64_t before = counted.files.call_count();
    REQUIRE(publish(counted.files, newer, true).is_ok());
    const std::uint64_t calls = counted.files.call_count() - before;
    for (std::uint64_t n = 0; n < 2 * calls; ++n) {
      Disk disk(older);
      io::Fault fault;
      fault.index = n / 2;
      fault.is_lasting = n % 2 == 1;
      disk.files.add_fault(fault);
      const Status status = publish(disk.files, newer, true);
      disk.files.clear_faults();
      INFO("call " << n / 2 << " of " << calls << ": " << status.message());
      check_visible(disk.files, older, newer);
      if (status) {
        CHECK(text_of(disk.files, kTarget) == newer);  // only clearing up had failed
      }
      REQUIRE(publish(disk.files, "next export", true).is_ok());
      CHECK(names_in(disk.files).size() == 2);
    }
  }
}

TEST_CASE("a stale file of another export in the folder is removed, one in use is not",
          "[cli][export]") {
  Disk disk("");
  const auto in_use = ExportFiles::create(disk.files, "/out/other.json", false);
  REQUIRE(in_use.has_value());
  REQUIRE(disk.files.open("/out/.stale.csv.kifa-partial",
                          {.access = io::Access::read_write, .create = true}));
  REQUIRE(disk.files.open("/out/.mine", {.access = io::Access::read_write, .create = true}));
  REQUIRE(publish(disk.files, "new export").is_ok());
  CHECK(names_in(disk.files) == std::vector<std::string>{".mine", ".other.json.kifa-partial",
                                                         "sales.json", "sales.json.manifest.json"});
}

}  // namespace
}  // namespace kifa::cli
