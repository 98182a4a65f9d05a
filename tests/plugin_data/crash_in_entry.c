#include <kifa/plugin.h>

KIFA_PLUGIN_MARKER;

const kifa_plugin* kifa_plugin_v1(void) {
  /* Nothing is ever mapped there; volatile, so that no compiler sees it coming. */
  const volatile uintptr_t nowhere = 4064;
  return *(const kifa_plugin* const volatile*)nowhere;
}
