#pragma once

#include <cstdint>
#include <type_traits>

// Whether our declarations of a vendor's library are its own headers'.
namespace faltung::cuda {

/// Their type for one of ours, as FALTUNG_THEIRS says.
template <typename T>
struct Theirs {
  using type = T;
};
template <typename T>
struct Theirs<T*> {
  using type = typename Theirs<T>::type*;
};
template <typename T>
struct Theirs<const T> {
  using type = const typename Theirs<T>::type;
};

/// Their function for a pointer to one of ours.
template <typename Function>
struct TheirFunction;
template <typename Result, typename... Parameters>
struct TheirFunction<Result (*)(Parameters...)> {
  using type = typename Theirs<Result>::type(typename Theirs<Parameters>::type...);
};

template <typename Ours, typename Their>
constexpr bool same(Ours ours, Their theirs) {
  return static_cast<std::uint64_t>(ours) == static_cast<std::uint64_t>(theirs);
}

}  // namespace faltung::cuda

/// In namespace faltung::cuda.
#define FALTUNG_THEIRS(ours, theirs)                                                   \
  template <>                                                                          \
  struct Theirs<ours> {                                                                \
    using type = theirs;                                                               \
    static_assert(sizeof(ours) == sizeof(theirs) && alignof(ours) == alignof(theirs)); \
  }
/// Functions is ours.
#define FALTUNG_SAME(member, function) \
  static_assert(                       \
      std::is_same_v<TheirFunction<decltype(Functions::member)>::type, decltype(function)>)
