#include "minimal.h"

KIFA_PLUGIN_MARKER;

static const kifa_option kOptions[] = {{sizeof(kifa_option), KIFA_TYPE_SIZE, 0, 0, "buffer_bytes",
                                        "How much is read at once.", NULL, "64kilo", NULL, 512,
                                        65536}};
static const kifa_component kComponents[] = {
    MINIMAL_SOURCE_WITH("flawed", kOptions, 1, &kMinimalLifecycle, &kMinimalSource)};
static const kifa_plugin kPlugin = MINIMAL_PLUGIN("com.acme.flawed", kComponents, 1);

const kifa_plugin* kifa_plugin_v1(void) { return &kPlugin; }
