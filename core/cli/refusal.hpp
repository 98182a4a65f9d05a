#pragma once

#include <string>

#include "core/base/status.hpp"
#include "core/cli/load_deployment.hpp"

namespace kifa::cli {

// What is told when the parts of a deployment cannot be put together: the sentence of `why`, with
// the place of the first option that it names, the line, and the place of the second one. An option
// that is not written has none; then the component's stands for it.
[[nodiscard]] std::string refusal_text(const LoadedDeployment& loaded, const Status& why);

}  // namespace kifa::cli
