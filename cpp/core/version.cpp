#include <faltung/version.hpp>

namespace faltung {

#define FALTUNG_TEXT_OF(number) #number
#define FALTUNG_TEXT(number) FALTUNG_TEXT_OF(number)

std::string_view version() noexcept {
  return FALTUNG_TEXT(FALTUNG_VERSION_MAJOR) "." FALTUNG_TEXT(
      FALTUNG_VERSION_MINOR) "." FALTUNG_TEXT(FALTUNG_VERSION_PATCH);
}

BuildFeatures build_features() noexcept {
  BuildFeatures features;
#ifdef FALTUNG_HAVE_CUDA
  features.cuda = true;
#endif
#ifdef FALTUNG_HAVE_HIGHWAY
  features.simd = true;
#endif
#ifdef FALTUNG_HAVE_TBB
  features.threads = true;
#endif
  return features;
}

}  // namespace faltung
