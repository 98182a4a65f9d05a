#include "minimal.h"

KIFA_PLUGIN_MARKER;

static const kifa_component kComponents[] = {MINIMAL_SOURCE("flawed"), MINIMAL_SOURCE("flawed")};
static const kifa_plugin kPlugin = MINIMAL_PLUGIN("com.acme.flawed", kComponents, 2);

const kifa_plugin* kifa_plugin_v1(void) { return &kPlugin; }
