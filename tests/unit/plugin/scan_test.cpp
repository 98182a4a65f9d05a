#include "core/plugin/scan.hpp"

#include <string>

#include "tests/support/catch.hpp"
#include "tests/unit/plugin/support.hpp"

namespace kifa::plugin {
namespace {

std::string refusal(const std::string& name) {
  const PluginListing listing = scan_plugin(test::bad_plugin(name));
  CHECK_FALSE(listing.usable);
  CHECK(listing.path == test::bad_plugin(name));
  CHECK(listing.components.empty());
  return listing.refusal;
}

}  // namespace

TEST_CASE("scanning says what a plugin is and has", "[plugin][scan]") {
  const PluginListing listing = scan_plugin(test::good_plugin("good_c"));
  CHECK(listing.usable);
  CHECK(listing.refusal.empty());
  CHECK(listing.id == "com.acme.good-c");
  CHECK(listing.version == "1.2.0");
  CHECK(listing.abi == "1.0");
  CHECK(listing.license == "MIT");
  CHECK(listing.vendor == "Acme Ltd");
  REQUIRE(listing.components.size() == 2);
  CHECK(listing.components[0].kind == KIFA_KIND_SOURCE);
  CHECK(listing.components[0].type == "good_c");
  CHECK(listing.components[0].summary == "Ends at once.");
  CHECK(listing.components[1].type == "good_c_too");
}

TEST_CASE("a plugin written with the C++ wrapper has all four kinds", "[plugin][scan]") {
  const PluginListing listing = scan_plugin(test::good_plugin("good_cpp"));
  CHECK(listing.refusal.empty());
  REQUIRE(listing.components.size() == 4);
  CHECK(listing.components[0].kind == KIFA_KIND_FRAMING);
  CHECK(listing.components[1].kind == KIFA_KIND_SOURCE);
  CHECK(listing.components[2].kind == KIFA_KIND_SINK);
  CHECK(listing.components[3].kind == KIFA_KIND_FORMATTER);
}

TEST_CASE("a wrong descriptor is a sentence with the remedy", "[plugin][scan]") {
  const std::string remedy = "; ask the vendor for a corrected plugin";
  CHECK(refusal("null_descriptor") == "kifa_plugin_v1() gave no descriptor" + remedy);
  CHECK(refusal("wrong_magic") ==
        "its descriptor does not begin as one (magic is 0x12345678, expected 0x4146494b)" + remedy);
  CHECK(refusal("short_struct") == "its descriptor is 16 bytes, plugin ABI 1.0 has 72" + remedy);
  CHECK(refusal("descriptor_major_2") ==
        "com.acme.flawed 1.2.0 says plugin ABI 2 in its descriptor and 1 in its file" + remedy);
  CHECK(refusal("zero_stride") ==
        "com.acme.flawed 1.2.0: component_stride is 0, a component has 64 bytes" + remedy);
  CHECK(refusal("no_components") == "com.acme.flawed 1.2.0: it has no components" + remedy);
}

TEST_CASE("a plugin for a newer host names both versions", "[plugin][scan]") {
  CHECK(refusal("needs_newer_minor") ==
        "com.acme.flawed 1.2.0 needs plugin ABI 1.7 or newer, this kifa provides 1.0; upgrade "
        "kifa or use an older release of the plugin");
  CHECK(refusal("major_2") ==
        "built for plugin ABI 2, this kifa speaks ABI 1; ask the vendor for an ABI 1 build");
}

TEST_CASE("a wrong component is named with its field and the rule", "[plugin][scan]") {
  const std::string remedy = "; ask the vendor for a corrected plugin";
  const std::string subject = "com.acme.flawed 1.2.0: source 'flawed': ";
  CHECK(refusal("missing_poll") == subject + "the function poll is missing" + remedy);
  CHECK(refusal("missing_reply") == subject + "the function reply is missing" + remedy);
  CHECK(refusal("no_lifecycle") == subject + "lifecycle is null" + remedy);
  CHECK(refusal("option_bad_default") ==
        subject + "option 'buffer_bytes': default_text: is not a value of the option's type" +
            remedy);
  CHECK(refusal("option_twice") == subject + "option 'device' is declared twice" + remedy);
  CHECK(refusal("duplicate_type") ==
        "com.acme.flawed 1.2.0: two components are a source of type 'flawed'" + remedy);
}

TEST_CASE("a refused plugin is still named by its id", "[plugin][scan]") {
  CHECK(scan_plugin(test::bad_plugin("missing_poll")).id == "com.acme.flawed");
  CHECK(scan_plugin(test::bad_plugin("missing_poll")).version == "1.2.0");
}

TEST_CASE("what the dynamic linker refuses is told in its words", "[plugin][scan]") {
  CHECK(refusal("undefined_symbol") == "cannot be loaded: undefined symbol: missing_fn");
  CHECK(refusal("no_entry") ==
        "it does not export kifa_plugin_v1; ask the vendor for a corrected plugin");
  CHECK(refusal("no_marker") == "not a kifa plugin (no kifa_abi section)");
}

TEST_CASE("a plugin that crashes while it is scanned is a sentence", "[plugin][scan]") {
  const std::string remedy = " while being scanned; ask the vendor for a corrected plugin";
  CHECK(refusal("crash_in_entry") == "crashed with SIGSEGV" + remedy);
  CHECK(refusal("abort_on_load") == "crashed with SIGABRT" + remedy);
  CHECK(refusal("exit_in_entry") == "ended the process (exit code 3)" + remedy);
}

TEST_CASE("a plugin that hangs while it is scanned is a sentence", "[plugin][scan]") {
  const PluginListing listing =
      scan_plugin(test::bad_plugin("hang_in_entry"), std::chrono::milliseconds(200));
  CHECK_FALSE(listing.usable);
  CHECK(listing.refusal ==
        "did not finish within 0.2 s while being scanned; ask the vendor for a corrected plugin");
}

}  // namespace kifa::plugin
