#include "minimal.h"

KIFA_PLUGIN_MARKER;

static const kifa_plugin kPlugin = MINIMAL_PLUGIN("com.acme.flawed", NULL, 0);

const kifa_plugin* kifa_plugin_v1(void) {
  (void)kMinimalLifecycle, (void)kMinimalSource;
  return &kPlugin;
}
