#include <kifa/plugin.h>
#include <unistd.h>

KIFA_PLUGIN_MARKER;

const kifa_plugin* kifa_plugin_v1(void) {
  for (;;) {
    pause();
  }
}
