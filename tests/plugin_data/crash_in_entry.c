#include <kifa/plugin.h>

KIFA_PLUGIN_MARKER;

const kifa_plugin* kifa_plugin_v1(void) {
  /* Nothing is ever mapped there; volatile, so that the access happens. */
  const kifa_plugin* volatile const* nowhere = (const kifa_plugin* volatile const*)(uintptr_t)4064;
  return *nowhere;
}
