#include <kifa/store.hpp>
#include <kifa/store.hpp>  // NOLINT: twice on purpose
