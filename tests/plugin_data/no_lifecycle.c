#include "minimal.h"

KIFA_PLUGIN_MARKER;

static const kifa_component kComponents[] = {
    MINIMAL_SOURCE_WITH("flawed", NULL, 0, NULL, &kMinimalSource)};
static const kifa_plugin kPlugin = MINIMAL_PLUGIN("com.acme.flawed", kComponents, 1);

const kifa_plugin* kifa_plugin_v1(void) {
  (void)kMinimalLifecycle;
  return &kPlugin;
}
