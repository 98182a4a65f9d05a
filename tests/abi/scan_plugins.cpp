// scan_plugins FILE...: what the host says about plugins; exit 1 when it refuses one.
#include <cstdio>
#include <string>

#include "core/plugin/scan.hpp"

int main(int argc, char** argv) {
  int refused = 0;
  for (int i = 1; i < argc; ++i) {
    const kifa::plugin::PluginListing listing = kifa::plugin::scan_plugin(argv[i]);
    std::printf("%s: %s\n", listing.path.c_str(),
                listing.usable ? listing.id.c_str() : listing.refusal.c_str());
    refused += listing.usable ? 0 : 1;
  }
  return refused == 0 ? 0 : 1;
}
