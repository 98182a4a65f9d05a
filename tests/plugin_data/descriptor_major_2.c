#include "minimal.h"

KIFA_PLUGIN_MARKER;

static const kifa_component kComponents[] = {MINIMAL_SOURCE("flawed")};
static const kifa_plugin kPlugin = {sizeof(kifa_plugin),
                                    KIFA_PLUGIN_MAGIC,
                                    2,
                                    0,
                                    0,
                                    0,
                                    "com.acme.flawed",
                                    "1.2.0",
                                    "Acme Ltd",
                                    "https://acme.example",
                                    "MIT",
                                    kComponents,
                                    1,
                                    sizeof(kifa_component)};

const kifa_plugin* kifa_plugin_v1(void) { return &kPlugin; }
