#include "core/config/deployment.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/unit/config/fake_catalog.hpp"

using kifa::config::bind_deployment;
using kifa::config::Deployment;
using kifa::config::Diagnostics;
using kifa::config::find_setting;
using kifa::config::parse_yaml;
using kifa::config::testing::FakeCatalog;

namespace {

struct Bound {
  Deployment deployment;
  std::string diagnostics;
  std::size_t errors = 0;
};

Bound bind_text(const std::string& text, FakeCatalog& catalog) {
  Diagnostics diagnostics("/etc/kifa/x.yaml", text);
  const auto nowhere = [](std::string_view) -> std::optional<std::string> { return std::nullopt; };
  Bound bound;
  if (const auto root = parse_yaml(text, nowhere, diagnostics)) {
    bound.deployment = bind_deployment(*root, catalog, diagnostics);
  }
  bound.diagnostics = diagnostics.render();
  bound.errors = diagnostics.error_count();
  return bound;
}

Bound bind_text(const std::string& text) {
  FakeCatalog catalog;
  return bind_text(text, catalog);
}

}  // namespace

TEST_CASE("a small configuration becomes a complete deployment", "[config]") {
  const Bound bound = bind_text(
      "version: 1\n"
      "store: { data_dir: data, flush_mode: normal }\n"
      "pipelines:\n"
      "  till-1:\n"
      "    sources:\n"
      "      lines: { type: stdin, linger: 10ms }\n"
      "      port:\n"
      "        type: serial\n"
      "        device: /dev/ttyS0\n"
      "        framing: { type: newline, strip_cr: false, record_bytes_max: 64KiB }\n"
      "    transforms:\n"
      "      - filter: { drop: '^DEBUG' }\n"
      "    sinks:\n"
      "      journal: { type: kifa }\n"
      "      screen: { type: console, required: false, format: json }\n");
  CHECK(bound.diagnostics.empty());
  const Deployment& deployment = bound.deployment;
  CHECK(deployment.file == "/etc/kifa/x.yaml");
  REQUIRE(deployment.pipelines.size() == 1);
  const auto& pipeline = deployment.pipelines[0];
  CHECK(pipeline.name == "till-1");
  REQUIRE(pipeline.sources.size() == 2);
  const auto& lines = pipeline.sources[0];
  CHECK(lines.component.type == "stdin");
  CHECK(lines.has_framing);
  CHECK(lines.framing.type == "newline");
  CHECK(find_setting(lines.framing.settings, "strip_cr")->integer == 1);
  CHECK(find_setting(lines.framing.settings, "strip_cr")->defaulted);
  CHECK(find_setting(lines.framing_host, "record_bytes_max")->integer == 1 << 20);
  CHECK(find_setting(lines.host, "linger")->integer == 10'000'000);
  CHECK(find_setting(lines.host, "intake")->integer == 4 << 20);
  const auto& port = pipeline.sources[1];
  CHECK(find_setting(port.framing.settings, "strip_cr")->integer == 0);
  CHECK(find_setting(port.framing_host, "record_bytes_max")->integer == 64 << 10);
  CHECK(find_setting(port.component.settings, "framing") == nullptr);
  REQUIRE(pipeline.filters.size() == 1);
  CHECK(pipeline.filters[0].drop == "^DEBUG");
  CHECK(pipeline.filters[0].keep.empty());
  REQUIRE(pipeline.sinks.size() == 2);
  CHECK(pipeline.sinks[0].required);
  CHECK_FALSE(pipeline.sinks[0].has_format);
  CHECK(find_setting(pipeline.sinks[0].component.settings, "data_dir")->text == "/etc/kifa/data");
  CHECK(find_setting(pipeline.sinks[0].component.settings, "flush_mode")->text == "normal");
  CHECK_FALSE(pipeline.sinks[1].required);
  CHECK(pipeline.sinks[1].has_format);
  CHECK(pipeline.sinks[1].format.type == "json");
}

namespace {

// A pipeline around `source` and `sinks`, valid but for them.
std::string around(const std::string& source, const std::string& sinks) {
  return "version: 1\npipelines:\n  p:\n    sources:\n      s: " + source +
         "\n    sinks: " + sinks + "\n";
}
constexpr const char* kStdin = "{ type: stdin }";
constexpr const char* kKifa = "{ k: { type: kifa, data_dir: /d } }";

// What is said, without the excerpts: "LINE:COLUMN: MESSAGE | HINT", one a line.
std::string complaints(const std::string& text) {
  const std::string all = bind_text(text).diagnostics;
  std::string out;
  const std::string place = "/etc/kifa/x.yaml:";
  for (std::size_t begin = 0; begin < all.size();) {
    const std::size_t end = all.find('\n', begin);
    const std::string line = all.substr(begin, end - begin);
    if (line.starts_with(place)) {
      out += (out.empty() ? "" : "\n") + line.substr(place.size());
    } else if (line.starts_with("  hint: ")) {
      out += " | " + line.substr(8);
    }
    begin = end + 1;
  }
  return out;
}

}  // namespace

TEST_CASE("the frame of a configuration is checked", "[config]") {
  const std::string rest =
      "pipelines: { p: { sources: { s: { type: stdin } }, sinks: { k: { type: "
      "kifa, data_dir: /d } } } }\n";
  CHECK(complaints("version: 1\n" + rest).empty());
  CHECK(complaints(rest) ==
        "1:1: error: the configuration does not say which version it is | put `version: 1` on top");
  CHECK(
      complaints("version: 2\n" + rest) ==
      "1:10: error: this kifa reads version 1 of the configuration, not `2` | write `version: 1`; "
      "a file for a newer version needs a newer kifa");
  CHECK(complaints("version:\n" + rest).starts_with("1:1: error: this kifa reads version 1"));
  CHECK(complaints("version: [1]\n" + rest).starts_with("1:10: error: this kifa reads version 1"));
  CHECK(complaints("version: 1\npipeline: {}\n" + rest) ==
        "2:1: error: unknown option `pipeline` of the configuration | did you mean `pipelines`?");
  CHECK(complaints("- a\n").starts_with("1:1: error: a configuration is a mapping"));
  CHECK(complaints("version:1\n").starts_with("1:1: error: a configuration is a mapping"));
  CHECK(complaints("version: 1\n").starts_with("1:1: error: the configuration has no pipeline"));
  CHECK(complaints("version: 1\npipelines:\n")
            .starts_with("2:1: error: the configuration has no pipeline"));
  CHECK(complaints("version: 1\npipelines: [a]\n")
            .starts_with("2:1: error: the configuration has no pipeline"));
  CHECK(complaints("version: 1\npipelines: { p: x }\n")
            .starts_with("2:14: error: pipeline p takes options"));
}

TEST_CASE("a pipeline needs sources and sinks under names that are usable", "[config]") {
  CHECK(complaints("version: 1\npipelines:\n  p: {}\n") ==
        "3:3: error: pipeline p has no source | for example `sources: { my-source: { type: stdin } "
        "}`\n"
        "3:3: error: pipeline p has no sink | for example `sinks: { my-sink: { type: kifa } }`");
  CHECK(complaints("version: 1\npipelines:\n  p:\n    sources: []\n    sinks: " +
                   std::string(kKifa) + "\n")
            .starts_with("4:5: error: `sources` is a mapping of names to sources"));
  CHECK(complaints("version: 1\npipelines:\n  till 1:\n    sources: { 'a/b': { type: stdin } }\n"
                   "    sinks: { \"k\\n\": { type: kifa, data_dir: /d } }\n") ==
        "3:3: error: `till 1` is not a name for a pipeline: letters, digits, - and _, at most 64\n"
        "4:16: error: `a/b` is not a name for a source: letters, digits, - and _, at most 64\n"
        "5:14: error: `k\\n` is not a name for a sink: letters, digits, - and _, at most 64");
  CHECK(complaints("version: 1\npipelines:\n  " + std::string(65, 'a') + ":\n    x: 1\n")
            .find("is not a name for a pipeline") != std::string::npos);
  CHECK(complaints("version: 1\npipelines:\n  p:\n    source: 1\n    sinks: " + std::string(kKifa) +
                   "\n")
            .find("4:5: error: unknown option `source` of pipeline p | did you mean `sources`?") !=
        std::string::npos);
}

TEST_CASE("a component needs a type that there is", "[config]") {
  CHECK(complaints(around("{ device: x }", kKifa)) ==
        "5:7: error: source s has no `type` | `kifa plugin list` shows the types that there are");
  CHECK(complaints(around("stdin", kKifa)) ==
        "5:10: error: source s takes a mapping with a `type` | write { type: stdin }");
  CHECK(complaints(around("{ type: stdn }", kKifa)) ==
        "5:18: error: there is no source of type stdn | did you mean `stdin`?");
  CHECK(complaints(around("{ type: ../../evil }", kKifa)) ==
        "5:18: error: `type` takes a name, not `../../evil`");
  CHECK(complaints(around("{ type: [stdin] }", kKifa)) == "5:18: error: `type` takes a name");
  CHECK(complaints(around("{ type: stdin, plugin: com.acme.x }", kKifa)) ==
        "5:33: error: there is no source of type stdin");
  CHECK(complaints(around("{ type: stdin, plugin: org.kifa.bundled }", kKifa)).empty());
  CHECK(complaints(around("{ type: stdin, plugin: a/b }", kKifa)) ==
        "5:33: error: `plugin` takes a name, not `a/b`");
  CHECK(complaints(around("{ type: serial }", kKifa)) ==
        "5:7: error: source serial needs `device`: The port.");
}

TEST_CASE("options of component and host stand side by side and are all checked", "[config]") {
  CHECK(complaints(around("{ type: serial, device: /dev/x, baud: fast, lingre: 5ms, intake: 1, "
                          "retry_min: 2m }",
                          kKifa)) ==
        "5:48: error: `baud` takes a whole number, not `fast`\n"
        "5:54: error: unknown option `lingre` of source serial | did you mean `linger`?\n"
        "5:75: error: `intake` must be between 64KiB and 1GiB, not `1`\n"
        "5:89: error: `retry_min` (2m) is longer than `retry_max` (1m)");
  CHECK(complaints(around(kStdin, "{ k: { type: kifa, data_dir: /d, queue: lots } }")) ==
        "6:52: error: `queue` takes a size such as 64KiB or 1MiB, not `lots`");
  CHECK(complaints(around("{ type: ticker, every: 1us }", kKifa)) ==
        "5:33: error: `every` must be between 1ms and 16m40s, not `1us`");
}

TEST_CASE("a framing belongs to sources of bytes", "[config]") {
  CHECK(complaints(around("{ type: stdin, framing: newline }", kKifa)).empty());
  CHECK(complaints(around("{ type: stdin, framing: { type: none } }", kKifa)).empty());
  CHECK(complaints(around("{ type: stdin, framing: { type: newline, strip_crs: true } }", kKifa)) ==
        "5:51: error: unknown option `strip_crs` of framing newline | did you mean `strip_cr`?");
  CHECK(complaints(around("{ type: stdin, framing: newlin }", kKifa)) ==
        "5:34: error: there is no framing of type newlin | did you mean `newline`?");
  CHECK(complaints(around("{ type: stdin, framing: [newline] }", kKifa)) ==
        "5:34: error: framing takes a mapping with a `type`");
  CHECK(complaints(around("{ type: stdin, framing: { oversize: split } }", kKifa)) ==
        "5:25: error: framing has no `type` | `kifa plugin list` shows the types that there are");
  CHECK(complaints(around("{ type: stdin, framing: }", kKifa))
            .starts_with("5:25: error: `framing` "
                         "has no value"));
  CHECK(complaints(around("{ type: ticker, framing: newline }", kKifa)) ==
        "5:26: error: source ticker gives whole records and takes no `framing` | take it away");
  CHECK(complaints(around("{ type: stdin, record_bytes_max: 1MiB }", kKifa))
            .starts_with("5:25: error: unknown option `record_bytes_max` of source stdin"));
  CHECK(complaints(around("{ type: stdin, framing: { type: newline, oversize: cut } }", kKifa)) ==
        "5:61: error: `oversize` takes one of split, truncate, reject, not `cut`");
}

TEST_CASE("a format belongs to sinks that take text", "[config]") {
  const Bound bound = bind_text(
      around(kStdin, "{ k: { type: kifa, data_dir: /d }, c: { type: console, required: false } }"));
  CHECK(bound.diagnostics.empty());
  CHECK(bound.deployment.pipelines[0].sinks[1].format.type == "text");
  CHECK(complaints(around(kStdin, "{ k: { type: kifa, data_dir: /d, format: json } }")) ==
        "6:45: error: sink kifa keeps records as they are and takes no `format` | take it away");
  CHECK(complaints(around(kStdin, "{ c: { type: console, format: { type: json, indent: x } } }")) ==
        "6:64: error: `indent` takes a whole number, not `x`");
}

TEST_CASE("exactly one sink of a pipeline is required", "[config]") {
  const std::string two = "{ a: { type: kifa, data_dir: /a }, b: { type: console } }";
  CHECK(bind_text(around(kStdin, two)).diagnostics ==
        "/etc/kifa/x.yaml:6:47: error: pipeline p has 2 required sinks (a, b): exactly one can "
        "decide what is acknowledged and keep the checkpoints\n"
        "  6 |     sinks: { a: { type: kifa, data_dir: /a }, b: { type: console } }\n"
        "    |                                               ^\n"
        "/etc/kifa/x.yaml:6:14: note: the first one is here\n"
        "  6 |     sinks: { a: { type: kifa, data_dir: /a }, b: { type: console } }\n"
        "    |              ^\n"
        "  hint: write `required: false` on the others, which get copies; a second reliable target "
        "is a second pipeline with the source `store`\n");
  CHECK(complaints(around(kStdin, "{ a: { type: kifa, data_dir: /a, required: false } }"))
            .starts_with("3:3: error: pipeline p has no required sink"));
}

TEST_CASE("store holds the defaults of every kifa sink and is checked once", "[config]") {
  const auto text = [](const std::string& store) {
    return "version: 1\nstore: " + store +
           "\npipelines:\n"
           "  a: { sources: { s: { type: stdin } }, sinks: { k: { type: kifa } } }\n"
           "  b: { sources: { s: { type: stdin } }, sinks: { k: { type: kifa, data_dir: /own, "
           "flush_mode: emergency } } }\n";
  };
  const Bound bound = bind_text(text("{ data_dir: /all, flush_mode: normal }"));
  CHECK(bound.diagnostics.empty());
  const auto setting = [&](std::size_t pipeline, const char* name) {
    return find_setting(bound.deployment.pipelines[pipeline].sinks[0].component.settings, name)
        ->text;
  };
  CHECK(setting(0, "data_dir") == "/all");
  CHECK(setting(0, "flush_mode") == "normal");
  CHECK(setting(0, "record_bytes_max") == "1MiB");
  CHECK(setting(1, "data_dir") == "/own");
  CHECK(setting(1, "flush_mode") == "emergency");
  CHECK(complaints(text("{ data_dir: /all, flush_mode: careful, nonsense: 1 }")) ==
        "2:38: error: `flush_mode` takes one of normal, cautious, emergency, not `careful`\n"
        "2:47: error: unknown option `nonsense` of `store` | there are: compaction_enabled, "
        "compaction_threshold, data_dir, flush_mode, record_bytes_max");
  CHECK(complaints(text("{ data_dir: [] }")) == "2:20: error: `data_dir` takes a path, not a list");
  CHECK(complaints(text("")) ==
        "4:50: error: sink kifa needs `data_dir`: The folder of the store. | set it here, or under "
        "`store:` for every sink of type kifa");
  CHECK(complaints(text("x")).starts_with("2:1: error: `store` takes options"));
  const std::string unused =
      around(kStdin, "{ c: { type: console } }") + "store: { data_dir: /d }\n";
  CHECK(complaints(unused) == "7:1: warning: `store` has no effect: no sink is of type kifa");
  CHECK(bind_text(unused).errors == 0);
}

TEST_CASE("pipelines may share a store when they agree about it", "[config]") {
  const auto text = [](const std::string& a, const std::string& b) {
    return "version: 1\npipelines:\n"
           "  a: { sources: { s: { type: stdin } }, sinks: { k: { type: kifa, data_dir: " +
           a +
           " } } }\n"
           "  b: { sources: { s: { type: stdin } }, sinks: { k: { type: kifa, data_dir: " +
           b + " } } }\n";
  };
  CHECK(complaints(text("/d", "/d")).empty());
  CHECK(complaints(text("/d, queue: 1MiB", "/d, queue: 2MiB")).empty());
  CHECK(complaints(text("/d, flush_mode: normal", "/e")).empty());
  CHECK(bind_text(text("/etc/kifa/d", "d/../d/, flush_mode: normal")).diagnostics ==
        "/etc/kifa/x.yaml:4:98: error: `flush_mode` is `normal` for sink k of pipeline b and "
        "`cautious` for sink k of pipeline a, but both write to one store, /etc/kifa/d\n"
        "  4 | ...}, sinks: { k: { type: kifa, data_dir: d/../d/, flush_mode: normal } } }\n"
        "    |                                                                ^\n"
        "/etc/kifa/x.yaml:3:50: note: the other value\n"
        "  3 |   a: { sources: { s: { type: stdin } }, sinks: { k: { type: kifa, data_dir: "
        "/etc/kifa/d } } }\n"
        "    |                                                  ^\n"
        "  hint: give both the same value, or set it once under `store:`\n");
  CHECK(complaints(around(kStdin,
                          "{ a: { type: kifa, data_dir: /d }, b: { type: kifa, data_dir: "
                          "/d, required: false } }"))
            .find("every record would be in it twice") != std::string::npos);
}

TEST_CASE("a framing may not let through what the store would refuse", "[config]") {
  const std::string source = "{ type: stdin, framing: { type: newline, record_bytes_max: 4MiB } }";
  CHECK(complaints(around(source, kKifa)) ==
        "5:69: error: records of source s may have 4MiB, but sink k takes at most 1MiB\n6:14: "
        "note: the sink's limit | make "
        "`record_bytes_max` of the framing smaller, or that of the sink larger");
  CHECK(complaints(around(source, "{ k: { type: kifa, data_dir: /d, record_bytes_max: 4MiB } }"))
            .empty());
}

TEST_CASE("a threshold of what is switched off is refused with both places", "[config]") {
  const auto sink = [](const std::string& options) {
    return complaints(around(kStdin, "{ k: { type: kifa, data_dir: /d" + options + " } }"));
  };
  CHECK(sink(", compaction_enabled: false, compaction_threshold: 8") ==
        "6:94: error: `compaction_threshold` does nothing with `compaction_enabled: false`\n6:65: "
        "note: the other one | take one of them away");
  CHECK(sink(", compaction_enabled: false").empty());
  CHECK(sink(", compaction_enabled: true, compaction_threshold: 8").empty());
}

TEST_CASE("transforms are a list of filters, of which only the shape is checked", "[config]") {
  const auto text = [](const std::string& transforms) {
    return around(kStdin, kKifa) + "    transforms: " + transforms + "\n";
  };
  const Bound bound =
      bind_text(text("[ { filter: { drop: '^a', keep: '(' } }, { filter: { keep: b } } ]"));
  CHECK(bound.diagnostics.empty());
  REQUIRE(bound.deployment.pipelines[0].filters.size() == 2);
  CHECK(bound.deployment.pipelines[0].filters[0].keep == "(");
  CHECK(bound.deployment.pipelines[0].filters[0].drop == "^a");
  CHECK(bound.deployment.pipelines[0].filters[0].mark.line == 7);
  CHECK(complaints(text("")).empty());
  CHECK(complaints(text("[]")).empty());
  CHECK(complaints(text("[ { redact: { pan: mask } } ]")) ==
        "7:21: error: unknown transform `redact`; there is: filter");
  CHECK(complaints(text("{ filter: { drop: a } }"))
            .starts_with("7:17: error: `transforms` is a list"));
  CHECK(complaints(text("[ filter ]")).starts_with("7:19: error: each transform is one name"));
  CHECK(complaints(text("[ { filter: } ]")).starts_with("7:21: error: transform filter needs"));
  CHECK(complaints(text("[ { filter: { dorp: a } } ]")) ==
        "7:31: error: unknown option `dorp` of transform filter | did you mean `drop`?");
  CHECK(complaints(text("[ { filter: { drop: '' } } ]")) ==
        "7:37: error: `drop` is an empty pattern: it matches every record");
}

TEST_CASE("plugin folders are absolute", "[config]") {
  const auto text = [](const std::string& plugins) {
    return around(kStdin, kKifa) + "plugins: " + plugins + "\n";
  };
  CHECK(bind_text(text("{ path: [/a, /b] }")).deployment.plugin_paths ==
        std::vector<std::string>{"/a", "/b"});
  CHECK(bind_text(text("{ path: /a }")).deployment.plugin_paths == std::vector<std::string>{"/a"});
  CHECK(complaints(text("{ path: [/a, plugins] }")) ==
        "7:18: error: the plugin folder `plugins` is not an absolute path | write the whole path, "
        "beginning with /");
  CHECK(complaints(text("{ paths: [/a] }")) ==
        "7:12: error: unknown option `paths` of `plugins` | did you mean `path`?");
  CHECK(complaints(text("[/a]")).starts_with("7:1: error: `plugins` takes options"));
  CHECK(complaints(text("")).empty());
}

TEST_CASE("everything that is wrong with a file is told at once, in its order", "[config]") {
  const Bound bound = bind_text(
      "version: 1\n"
      "stor: { data_dir: /d }\n"
      "pipelines:\n"
      "  till-1:\n"
      "    sources:\n"
      "      lines:\n"
      "        type: stdin\n"
      "        framing: { type: newline, strip_crs: yes }\n"
      "        linger: 5\n"
      "        linger: 6ms\n"
      "    sinks:\n"
      "      journal: { type: kifa, data_dir: ${KIFA_DATA_DIR_OF_NOBODY}, flush_mode: cautios }\n");
  CHECK(bound.diagnostics.find("KIFA_DATA_DIR_OF_NOBODY") != std::string::npos);
  CHECK(bound.errors == 2);  // behind a syntax error nothing more can be said
  const Bound all = bind_text(
      "version: 1\n"
      "stor: { data_dir: /d }\n"
      "pipelines:\n"
      "  till-1:\n"
      "    sources:\n"
      "      lines:\n"
      "        type: stdin\n"
      "        framing: { type: newline, strip_crs: yes }\n"
      "        linger: 5\n"
      "        linger: 6ms\n"
      "    sinks:\n"
      "      journal:\n"
      "        type: kifa\n"
      "        data_dir: ${NOBODY}\n"
      "        flush_mode: cautios\n");
  CHECK(all.diagnostics ==
        "/etc/kifa/x.yaml:2:1: error: unknown option `stor` of the configuration\n"
        "  2 | stor: { data_dir: /d }\n"
        "    | ^\n"
        "  hint: did you mean `store`?\n"
        "/etc/kifa/x.yaml:8:35: error: unknown option `strip_crs` of framing newline\n"
        "  8 |         framing: { type: newline, strip_crs: yes }\n"
        "    |                                   ^\n"
        "  hint: did you mean `strip_cr`?\n"
        "/etc/kifa/x.yaml:9:17: error: `linger` takes a duration such as 250ms, 2s or 1h30m, not "
        "`5`\n"
        "  9 |         linger: 5\n"
        "    |                 ^\n"
        "  hint: add a unit: 5s or 5ms\n"
        "/etc/kifa/x.yaml:10:9: error: the key `linger` is given twice\n"
        "  10 |         linger: 6ms\n"
        "     |         ^\n"
        "/etc/kifa/x.yaml:9:9: note: it is already given here\n"
        "  9 |         linger: 5\n"
        "    |         ^\n"
        "/etc/kifa/x.yaml:14:19: error: the environment variable `NOBODY` is not set\n"
        "  14 |         data_dir: ${NOBODY}\n"
        "     |                   ^\n"
        "  hint: set it, or give a default: ${NOBODY:-value}\n"
        "/etc/kifa/x.yaml:15:21: error: `flush_mode` takes one of normal, cautious, emergency, not "
        "`cautios`\n"
        "  15 |         flush_mode: cautios\n"
        "     |                     ^\n"
        "  hint: did you mean `cautious`?\n");
}

TEST_CASE("a component type is looked up once, however often it is used", "[config]") {
  FakeCatalog catalog;
  std::string text = "version: 1\nstore: { data_dir: /d }\npipelines:\n";
  for (int i = 0; i < 20; ++i) {
    text += "  p" + std::to_string(i) +
            ": { sources: { s: { type: stdin } }, sinks: { k: { type: kifa } } }\n";
  }
  CHECK(bind_text(text, catalog).diagnostics.empty());
  CHECK(catalog.lookups == 3);
}
