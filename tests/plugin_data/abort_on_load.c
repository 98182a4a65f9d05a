#include <kifa/plugin.h>
#include <stdlib.h>

KIFA_PLUGIN_MARKER;

__attribute__((constructor)) static void give_up(void) { abort(); }

const kifa_plugin* kifa_plugin_v1(void) { return NULL; }
