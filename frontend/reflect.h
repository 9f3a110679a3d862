// Reflection of aggregates: how many fields a type has, references to them, and their names.
//
// Fields are counted by asking how many initialisers the type takes. Names are read from the
// compiler's spelling of a pointer to the member; where a compiler does not spell it, names are
// empty and paths show positions instead (".w" becomes "[0]"). GRADUS_FIELDS gives both by hand.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <span>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace gradus::detail {

inline constexpr size_t kMaxFields = 24;

/// A class that names its members with GRADUS_FIELDS.
template <class T>
concept HasDeclaredFields = requires(T& x) {
  x.gradus_fields();
  T::gradus_field_names();
};

template <class T>
concept TakesAnything = requires(T& x) {
  typename T::value_type;
  x.has_value();
  x.emplace();
};

/// Converts to the type of any field. Types that themselves construct from anything (optional) are
/// left to do so, or both ways would be open.
struct AnyField {
  template <class T>
  requires(!TakesAnything<T>) operator T() const;
};

template <class T, size_t... I>
consteval bool takes_initialisers(std::index_sequence<I...>) {
  return requires {
    T{(static_cast<void>(I), AnyField{})...};
  };
}

template <class T>
consteval size_t count_fields() {
  size_t count = 0;
  [&]<size_t... N>(std::index_sequence<N...>) {
    ((takes_initialisers<T>(std::make_index_sequence<N>{}) ? count = N : 0), ...);
  }
  (std::make_index_sequence<kMaxFields + 2>{});
  return count;
}

template <class T>
inline constexpr size_t kFieldCount = count_fields<T>();

/// A tuple of references to the fields of an aggregate.
template <class T>
constexpr auto fields_of(T& x) {
  constexpr size_t kCount = kFieldCount<std::remove_const_t<T>>;
  static_assert(kCount <= kMaxFields,
                "gradus: too many fields for reflection; group them, or use GRADUS_FIELDS(…)");
  if constexpr (kCount == 0) {
    return std::tie();
  } else if constexpr (kCount == 1) {
    auto& [f0] = x;
    return std::tie(f0);
  } else if constexpr (kCount == 2) {
    auto& [f0, f1] = x;
    return std::tie(f0, f1);
  } else if constexpr (kCount == 3) {
    auto& [f0, f1, f2] = x;
    return std::tie(f0, f1, f2);
  } else if constexpr (kCount == 4) {
    auto& [f0, f1, f2, f3] = x;
    return std::tie(f0, f1, f2, f3);
  } else if constexpr (kCount == 5) {
    auto& [f0, f1, f2, f3, f4] = x;
    return std::tie(f0, f1, f2, f3, f4);
  } else if constexpr (kCount == 6) {
    auto& [f0, f1, f2, f3, f4, f5] = x;
    return std::tie(f0, f1, f2, f3, f4, f5);
  } else if constexpr (kCount == 7) {
    auto& [f0, f1, f2, f3, f4, f5, f6] = x;
    return std::tie(f0, f1, f2, f3, f4, f5, f6);
  } else if constexpr (kCount == 8) {
    auto& [f0, f1, f2, f3, f4, f5, f6, f7] = x;
    return std::tie(f0, f1, f2, f3, f4, f5, f6, f7);
  } else if constexpr (kCount == 9) {
    auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8] = x;
    return std::tie(f0, f1, f2, f3, f4, f5, f6, f7, f8);
  } else if constexpr (kCount == 10) {
    auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9] = x;
    return std::tie(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9);
  } else if constexpr (kCount == 11) {
    auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10] = x;
    return std::tie(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10);
  } else if constexpr (kCount == 12) {
    auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11] = x;
    return std::tie(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11);
  } else if constexpr (kCount == 13) {
    auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12] = x;
    return std::tie(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12);
  } else if constexpr (kCount == 14) {
    auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13] = x;
    return std::tie(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13);
  } else if constexpr (kCount == 15) {
    auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14] = x;
    return std::tie(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14);
  } else if constexpr (kCount == 16) {
    auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15] = x;
    return std::tie(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15);
  } else if constexpr (kCount == 17) {
    auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16] = x;
    return std::tie(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16);
  } else if constexpr (kCount == 18) {
    auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17] = x;
    return std::tie(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17);
  } else if constexpr (kCount == 19) {
    auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18] = x;
    return std::tie(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17,
                    f18);
  } else if constexpr (kCount == 20) {
    auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18,
           f19] = x;
    return std::tie(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17,
                    f18, f19);
  } else if constexpr (kCount == 21) {
    auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19,
           f20] = x;
    return std::tie(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17,
                    f18, f19, f20);
  } else if constexpr (kCount == 22) {
    auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19,
           f20, f21] = x;
    return std::tie(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17,
                    f18, f19, f20, f21);
  } else if constexpr (kCount == 23) {
    auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19,
           f20, f21, f22] = x;
    return std::tie(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17,
                    f18, f19, f20, f21, f22);
  } else if constexpr (kCount == 24) {
    auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19,
           f20, f21, f22, f23] = x;
    return std::tie(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17,
                    f18, f19, f20, f21, f22, f23);
  }
}

template <class T>
struct NeverMade {
  T value;
};

#if defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wundefined-var-template"
#pragma clang diagnostic ignored "-Wundefined-inline"
#pragma clang diagnostic ignored "-Wundefined-internal"
#endif

/// Only its address is taken, in constant expressions: it is defined nowhere.
template <class T>
extern const NeverMade<T> never_made;

template <class Pointer>
struct PointerConstant {
  Pointer pointer;
};
template <class Pointer>
PointerConstant(Pointer) -> PointerConstant<Pointer>;

template <auto P>
consteval std::string_view spelling() {
  return __PRETTY_FUNCTION__;
}

/// "… {(& never_made<L>.NeverMade<L>::value.L::w)}; …" (g++), "… {&never_made.value.w}]" (clang):
/// the last name before the last brace.
consteval std::string_view last_name(std::string_view text) {
  const size_t start = text.rfind("value.");
  if (start == text.npos) return {};
  const auto is_name = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  size_t end = text.rfind('}');
  while (end > start && !is_name(text[end - 1]))
    --end;
  size_t begin = end;
  while (begin > start && is_name(text[begin - 1]))
    --begin;
  return text.substr(begin, end - begin);
}

template <class T>
consteval auto field_names() {
  std::array<std::string_view, kFieldCount<T>> names{};
#if !defined(__clang__) || __clang_major__ >= 12
  [&]<size_t... I>(std::index_sequence<I...>) {
    ((names[I] =
          last_name(spelling<PointerConstant{&std::get<I>(fields_of(never_made<T>.value))}>())),
     ...);
  }
  (std::make_index_sequence<kFieldCount<T>>{});
#endif
  return names;
}

template <class T>
inline constexpr auto kFieldNames = field_names<T>();

#if defined(__clang__)
#pragma clang diagnostic pop
#endif

/// The names in the text of a macro's arguments: "w, b".
template <size_t N>
consteval auto split_names(std::string_view text) {
  std::array<std::string_view, N> names{};
  for (size_t i = 0; i < N; ++i) {
    while (!text.empty() && text.front() == ' ')
      text.remove_prefix(1);
    const size_t end = std::min(text.find(','), text.size());
    names[i] = text.substr(0, end);
    while (!names[i].empty() && names[i].back() == ' ')
      names[i].remove_suffix(1);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return names;
}

consteval size_t count_commas(std::string_view text) {
  size_t count = 0;
  for (char c : text)
    count += c == ',';
  return count;
}

}  // namespace gradus::detail

/// In the public part of a class: makes it a tree of these members, with these names. Members that
/// are not listed are copied along and are neither leaves nor structure.
#define GRADUS_FIELDS(...)                                                               \
  auto gradus_fields() {                                                                 \
    return std::tie(__VA_ARGS__);                                                        \
  }                                                                                      \
  static std::span<const std::string_view> gradus_field_names() {                        \
    static constexpr auto kNames =                                                       \
        ::gradus::detail::split_names<::gradus::detail::count_commas(#__VA_ARGS__) + 1>( \
            #__VA_ARGS__);                                                               \
    return kNames;                                                                       \
  }
