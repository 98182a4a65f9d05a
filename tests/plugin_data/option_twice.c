#include "minimal.h"

KIFA_PLUGIN_MARKER;

static const kifa_option kOptions[] = {MINIMAL_OPTION("device", KIFA_TYPE_PATH, NULL),
                                       MINIMAL_OPTION("device", KIFA_TYPE_STRING, NULL)};
static const kifa_component kComponents[] = {
    MINIMAL_SOURCE_WITH("flawed", kOptions, 2, &kMinimalLifecycle, &kMinimalSource)};
static const kifa_plugin kPlugin = MINIMAL_PLUGIN("com.acme.flawed", kComponents, 1);

const kifa_plugin* kifa_plugin_v1(void) { return &kPlugin; }
