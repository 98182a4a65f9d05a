#include "minimal.h"

KIFA_PLUGIN_MARKER;

extern int missing_fn(void);

static const kifa_component kComponents[] = {MINIMAL_SOURCE("flawed")};
static const kifa_plugin kPlugin = MINIMAL_PLUGIN("com.acme.flawed", kComponents, 1);

const kifa_plugin* kifa_plugin_v1(void) { return missing_fn() != 0 ? &kPlugin : NULL; }
