#include "minimal.h"

KIFA_PLUGIN_MARKER;

static const kifa_component kComponents[] = {
    {sizeof(kifa_component), KIFA_KIND_SOURCE, "flawed", "Says that it can reply.",
     KIFA_SOURCE_BYTES | KIFA_SOURCE_REPLIES, 0, NULL, 0, sizeof(kifa_option), &kMinimalLifecycle,
     &kMinimalSource}};
static const kifa_plugin kPlugin = MINIMAL_PLUGIN("com.acme.flawed", kComponents, 1);

const kifa_plugin* kifa_plugin_v1(void) { return &kPlugin; }
