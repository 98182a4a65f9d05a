/* The id of good_c.c, in another file. */
#include "minimal.h"

KIFA_PLUGIN_MARKER;

static const kifa_component kComponents[] = {MINIMAL_SOURCE("same_id")};
static const kifa_plugin kPlugin = MINIMAL_PLUGIN("com.acme.good-c", kComponents, 1);

const kifa_plugin* kifa_plugin_v1(void) { return &kPlugin; }
