#include "core/cli/refusal.hpp"

#include <algorithm>
#include <string_view>
#include <vector>

namespace kifa::cli {
namespace {

using config::ComponentConfig;
using config::Mark;

constexpr std::string_view kWordCharacters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";

// The places of the options that `sentence` names, in its order, each once.
std::vector<Mark> places_named(const ComponentConfig& component, std::string_view sentence) {
  std::vector<Mark> places;
  for (std::size_t at = sentence.find_first_of(kWordCharacters); at != std::string_view::npos;) {
    const std::size_t end =
        std::min(sentence.find_first_not_of(kWordCharacters, at), sentence.size());
    const config::Setting* setting =
        config::find_setting(component.settings, sentence.substr(at, end - at));
    if (setting != nullptr && setting->mark.line != 0 &&
        std::ranges::find(places, setting->mark) == places.end()) {
      places.push_back(setting->mark);
    }
    at = sentence.find_first_of(kWordCharacters, end);
  }
  return places;
}

struct Refuser {
  std::string name;  // as its failures begin
  const ComponentConfig* component;
};

std::vector<Refuser> components_of(const config::Deployment& deployment) {
  std::vector<Refuser> all;
  for (const config::PipelineConfig& pipeline : deployment.pipelines) {
    for (const config::SourceConfig& source : pipeline.sources) {
      const std::string name = pipeline.name + "/" + source.component.name;
      all.push_back({name, &source.component});
      all.push_back({name + "/framing", &source.framing});
    }
    for (const config::SinkConfig& sink : pipeline.sinks) {
      const std::string name = pipeline.name + "/" + sink.component.name;
      all.push_back({name, &sink.component});
      all.push_back({name + "/format", &sink.format});
    }
  }
  return all;
}

}  // namespace

std::string refusal_text(const LoadedDeployment& loaded, const Status& why) {
  Mark place;
  Mark related;
  for (const Refuser& one : components_of(loaded.deployment)) {
    // "till/journal: ...", or with the type: "till/journal (kifa): ...".
    if (why.message().starts_with(one.name + ": ") || why.message().starts_with(one.name + " (")) {
      const std::vector<Mark> named =
          places_named(*one.component, std::string_view(why.message()).substr(one.name.size()));
      place = named.empty() ? one.component->mark : named[0];
      related = named.size() < 2 ? Mark{} : named[1];
      break;
    }
  }
  return loaded.diagnostics.render_error(place, why.message(), related, "the other option");
}

}  // namespace kifa::cli
