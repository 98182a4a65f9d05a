#include <kifa/plugin.h>

KIFA_PLUGIN_MARKER;
