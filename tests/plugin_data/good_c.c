/* Nothing is wrong with this one. */
#include "minimal.h"

KIFA_PLUGIN_MARKER;

static const kifa_option kOptions[] = {
    {sizeof(kifa_option), KIFA_TYPE_INT, 0, 0, "count", "How many.", "records", "5", NULL, 1, 10},
    {sizeof(kifa_option), KIFA_TYPE_ENUM, 0, 0, "oversize", "What becomes of long ones.", NULL,
     "split", "split|truncate", 0, 0},
    MINIMAL_OPTION("device", KIFA_TYPE_PATH, NULL)};
static const kifa_component kComponents[] = {
    MINIMAL_SOURCE_WITH("good_c", kOptions, 3, &kMinimalLifecycle, &kMinimalSource),
    MINIMAL_SOURCE("good_c_too")};
static const kifa_plugin kPlugin = MINIMAL_PLUGIN("com.acme.good-c", kComponents, 2);

const kifa_plugin* kifa_plugin_v1(void) { return &kPlugin; }
