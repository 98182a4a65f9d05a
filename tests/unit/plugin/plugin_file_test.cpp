#include "core/plugin/plugin_file.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "tests/support/catch.hpp"
#include "tests/unit/plugin/support.hpp"

namespace kifa::plugin {
namespace {

std::string refusal(const std::string& path) { return check_plugin_file(path).status().message(); }

}  // namespace

TEST_CASE("a plugin of one's own in a folder of one's own may be loaded", "[plugin][file]") {
  const test::TempFolder folder;
  const std::string path = folder.copy(test::good_plugin("good_c"), "x.kifa.so");
  const Result<PluginFile> file = check_plugin_file(path);
  REQUIRE(file.has_value());
  CHECK(file->warning.empty());
  CHECK(file->inode != 0);
}

TEST_CASE("what is not a regular file is no plugin", "[plugin][file]") {
  const test::TempFolder folder;
  CHECK(refusal(folder.path("x.kifa.so")) == "no such file");
  std::filesystem::create_directory(folder.path("x.kifa.so"));
  CHECK(refusal(folder.path("x.kifa.so")) == "not a regular file");
  REQUIRE(::mkfifo(folder.path("pipe.kifa.so").c_str(), 0600) == 0);
  CHECK(refusal(folder.path("pipe.kifa.so")) == "not a regular file");
}

TEST_CASE("a text that is called like a plugin is none", "[plugin][file]") {
  const test::TempFolder folder;
  const std::string path = folder.copy(KIFA_TEST_PLUGIN_SOURCES "/not_elf.txt", "not_elf.kifa.so");
  CHECK(refusal(path) == "not a kifa plugin (not an ELF shared library)");
}

TEST_CASE("a plugin that others can write is refused", "[plugin][file]") {
  const test::TempFolder folder;
  const std::string path = folder.copy(test::good_plugin("good_c"), "x.kifa.so");
  REQUIRE(::chmod(path.c_str(), 0646) == 0);
  CHECK(refusal(path) ==
        fmt::format("it is writable by others; refusing to load it (chmod o-w {})", path));
}

TEST_CASE("a plugin in a folder that others can write is refused", "[plugin][file]") {
  const test::TempFolder folder;
  const std::string path = folder.copy(test::good_plugin("good_c"), "x.kifa.so");
  REQUIRE(::chmod(folder.path().c_str(), 0707) == 0);
  CHECK(refusal(path) ==
        fmt::format("its folder {0} is writable by others; refusing to load it (chmod o-w {0})",
                    folder.path()));
}

TEST_CASE("the folder behind a symbolic link is checked too", "[plugin][file]") {
  const test::TempFolder folder;
  const test::TempFolder behind;
  const std::string target = behind.copy(test::good_plugin("good_c"), "x.kifa.so");
  std::filesystem::create_symlink(target, folder.path("x.kifa.so"));
  CHECK(check_plugin_file(folder.path("x.kifa.so")).has_value());
  REQUIRE(::chmod(behind.path().c_str(), 0707) == 0);
  CHECK(refusal(folder.path("x.kifa.so")) ==
        fmt::format("its folder {0} is writable by others; refusing to load it (chmod o-w {0})",
                    behind.path()));
}

TEST_CASE("a plugin that its group can write is loaded with a warning", "[plugin][file]") {
  const test::TempFolder folder;
  const std::string path = folder.copy(test::good_plugin("good_c"), "x.kifa.so");
  REQUIRE(::chmod(path.c_str(), 0664) == 0);
  CHECK(check_plugin_file(path).value().warning == "it is writable by its group");
}

TEST_CASE("a plugin of a stranger is refused", "[plugin][file]") {
  if (::geteuid() != 0) {
    return;  // only root can give files away
  }
  const test::TempFolder folder;
  const std::string path = folder.copy(test::good_plugin("good_c"), "x.kifa.so");
  REQUIRE(::chown(path.c_str(), 12'345, 12'345) == 0);
  CHECK(refusal(path) ==
        fmt::format("it belongs to user 12345, who is neither root nor the user that runs kifa; "
                    "refusing to load it (chown root {})",
                    path));
}

TEST_CASE("the plugins of a folder are listed by name", "[plugin][file]") {
  const test::TempFolder folder;
  for (const char* name : {"b.kifa.so", "a.kifa.so", ".kifa.so", "libc.so", "README"}) {
    static_cast<void>(folder.write(name, ""));
  }
  CHECK(plugin_files_in(folder.path()).value() ==
        std::vector<std::string>{folder.path("a.kifa.so"), folder.path("b.kifa.so")});
  CHECK(plugin_files_in(folder.path("missing")).value().empty());
  CHECK(plugin_files_in(folder.path("README")).status().message() ==
        "cannot be read: Not a directory");
}

}  // namespace kifa::plugin
