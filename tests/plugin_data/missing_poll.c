#include "minimal.h"

KIFA_PLUGIN_MARKER;

static const kifa_source kSource = {sizeof(kifa_source), 0,    NULL, NULL,
                                    minimal_descriptors, NULL, NULL, NULL};
static const kifa_component kComponents[] = {
    MINIMAL_SOURCE_WITH("flawed", NULL, 0, &kMinimalLifecycle, &kSource)};
static const kifa_plugin kPlugin = MINIMAL_PLUGIN("com.acme.flawed", kComponents, 1);

const kifa_plugin* kifa_plugin_v1(void) {
  (void)kMinimalSource;
  return &kPlugin;
}
