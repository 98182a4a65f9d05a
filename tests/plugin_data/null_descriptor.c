#include "minimal.h"

KIFA_PLUGIN_MARKER;

const kifa_plugin* kifa_plugin_v1(void) {
  (void)kMinimalLifecycle, (void)kMinimalSource;
  return NULL;
}
