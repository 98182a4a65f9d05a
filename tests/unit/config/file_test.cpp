#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>

#include "core/config/deployment.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/config/fake_catalog.hpp"

using kifa::Code;
using kifa::config::bind_deployment;
using kifa::config::Deployment;
using kifa::config::Diagnostics;
using kifa::config::find_setting;
using kifa::config::kTextBytesMax;
using kifa::config::parse_yaml;
using kifa::config::read_config_file;
using kifa::config::read_secrets;
using kifa::config::testing::FakeCatalog;

namespace {

// A folder of its own for one test, removed at its end.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "kifa-config-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path_); }

  [[nodiscard]] std::string path(const std::string& name) const { return path_ + "/" + name; }
  std::string write(const std::string& name, const std::string& text, mode_t mode = 0600) const {
    std::ofstream(path(name), std::ios::binary) << text;
    REQUIRE(::chmod(path(name).c_str(), mode) == 0);
    return path(name);
  }

 private:
  std::string path_;
};

constexpr const char* kMinimal = KIFA_CONFIGS_DIR "/minimal.yaml";

}  // namespace

TEST_CASE("a configuration file that cannot be read is told in one sentence", "[config]") {
  const Folder folder;
  const auto failure = [](const std::string& path) { return read_config_file(path).status(); };
  CHECK(failure(folder.path("none.yaml")).code() == Code::not_found);
  CHECK(failure(folder.path("none.yaml")).message() == "cannot open the configuration file " +
                                                           folder.path("none.yaml") +
                                                           ": No such file or directory");
  CHECK(failure(folder.path("")).message() ==
        "the configuration file " + folder.path("") + " is a directory; name a file in it");
  CHECK(failure("").message() == "the name of the configuration file is empty");
  CHECK(failure("/dev/zero").message() ==
        "the configuration file /dev/zero is longer than the 1048576 bytes that it may have");
  const std::string largest = folder.write("largest.yaml", std::string(kTextBytesMax, '#'));
  CHECK(read_config_file(largest)->size() == kTextBytesMax);
  const std::string longer = folder.write("longer.yaml", std::string(kTextBytesMax + 1, '#'));
  CHECK(failure(longer).code() == Code::invalid);
  CHECK(read_config_file(folder.write("empty.yaml", ""))->empty());
  const std::string bytes("a\0\xff\r\n", 5);
  CHECK(*read_config_file(folder.write("binary.yaml", bytes)) == bytes);
  if (::geteuid() != 0) {
    CHECK(failure(folder.write("mine.yaml", "a", 0000)).message().find("Permission denied") !=
          std::string::npos);
  }
}

TEST_CASE("docs/configuration.md has the reference of the host's options as it is", "[config]") {
  const auto document = read_config_file(KIFA_CONFIGS_DIR "/../docs/configuration.md");
  REQUIRE(document);
  for (const auto* specs :
       {&kifa::config::source_host_options(), &kifa::config::framing_host_options(),
        &kifa::config::sink_host_options()}) {
    const std::string reference = kifa::config::render_options(*specs);
    INFO("the document needs this text:\n" << reference);
    CHECK(document->find("```\n" + reference + "```\n") != std::string::npos);
  }
}

TEST_CASE("secrets are read from their files when a deployment is about to run", "[config]") {
  const Folder folder;
  folder.write("pin", "1234\r\n");
  folder.write("open", "5678\n", 0644);
  const std::string text =
      "version: 1\npipelines:\n  p:\n    sources:\n"
      "      a: { type: serial, device: /dev/a, pin: \"file:pin\" }\n"
      "      b: { type: serial, device: /dev/b, pin: \"file:" +
      folder.path("open") +
      "\" }\n"
      "      c: { type: serial, device: /dev/c, pin: \"file:none\" }\n"
      "      d: { type: serial, device: /dev/d, pin: plain }\n"
      "    sinks: { k: { type: kifa, data_dir: /d } }\n";
  Diagnostics diagnostics(folder.path("x.yaml"), text);
  const auto nowhere = [](std::string_view) -> std::optional<std::string> { return std::nullopt; };
  const auto root = parse_yaml(text, nowhere, diagnostics);
  REQUIRE(root);
  FakeCatalog catalog;
  Deployment deployment = bind_deployment(*root, catalog, diagnostics);
  REQUIRE_FALSE(diagnostics.has_errors());
  const auto pin = [&](std::size_t source) {
    return find_setting(deployment.pipelines[0].sources[source].component.settings, "pin")->text;
  };
  CHECK(pin(0) == "file:" + folder.path("pin"));
  read_secrets(deployment, diagnostics);
  CHECK(pin(0) == "1234");
  CHECK(pin(1) == "5678");
  CHECK(pin(3) == "plain");
  const std::string said = diagnostics.render();
  CHECK(diagnostics.error_count() == 1);
  CHECK(said.find("cannot open the secret file " + folder.path("none")) != std::string::npos);
  CHECK(said.find("open can be read by everyone") != std::string::npos);
  CHECK(said.find("1234") == std::string::npos);
  CHECK(said.find("5678") == std::string::npos);
}

TEST_CASE("configs/minimal.yaml is right and keeps its data where kifa is started", "[config]") {
  const auto text = read_config_file(kMinimal);
  REQUIRE(text);
  for (const std::string variable : {"", "there", "/srv/till"}) {
    const auto environment = [&](std::string_view name) {
      return name == "KIFA_DATA_DIR" && !variable.empty() ? std::optional(variable) : std::nullopt;
    };
    Diagnostics diagnostics(kMinimal, *text);
    const auto root = parse_yaml(*text, environment, diagnostics);
    REQUIRE(root);
    FakeCatalog catalog;
    const Deployment deployment = bind_deployment(*root, catalog, diagnostics);
    CHECK(diagnostics.render().empty());
    REQUIRE(deployment.pipelines.size() == 1);
    const std::filesystem::path expected =
        std::filesystem::current_path() / (variable.empty() ? "data" : variable);
    const auto& sink = deployment.pipelines[0].sinks[0].component;
    CHECK(find_setting(sink.settings, "data_dir")->text == expected.string());
  }
}
