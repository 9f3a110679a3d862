#include "runtime/build_id.h"

#include <elf.h>
#include <link.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace gradus {
namespace {

struct Search {
  uintptr_t address;
  std::string found;
};

constexpr size_t aligned(size_t n) {
  return (n + 3) / 4 * 4;
}

/// The ID in one segment of notes; each note is a header, a name and a descriptor.
std::string_view id_in_notes(const char* note, size_t size) {
  while (size >= sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) header;
    std::memcpy(&header, note, sizeof header);
    const size_t name = sizeof header;
    const size_t descriptor = name + aligned(header.n_namesz);
    const size_t next = descriptor + aligned(header.n_descsz);
    if (next > size) break;
    if (header.n_type == NT_GNU_BUILD_ID && header.n_namesz == 4 &&
        std::memcmp(note + name, "GNU", 4) == 0) {
      return {note + descriptor, header.n_descsz};
    }
    note += next;
    size -= next;
  }
  return {};
}

int visit(dl_phdr_info* object, size_t, void* data) {
  auto& search = *static_cast<Search*>(data);
  bool is_ours = false;
  std::string_view id;
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const auto& segment = object->dlpi_phdr[i];
    const uintptr_t begin = object->dlpi_addr + segment.p_vaddr;
    if (segment.p_type == PT_LOAD && search.address - begin < segment.p_memsz) is_ours = true;
    if (segment.p_type == PT_NOTE && id.empty()) {
      id = id_in_notes(reinterpret_cast<const char*>(begin), segment.p_memsz);
    }
  }
  if (!is_ours) return 0;
  for (const char c : id) {
    constexpr char kDigits[] = "0123456789abcdef";
    search.found += kDigits[static_cast<uint8_t>(c) >> 4];
    search.found += kDigits[static_cast<uint8_t>(c) & 15];
  }
  return 1;
}

}  // namespace

const std::string& build_id() {
  static const std::string id = [] {
    Search search{reinterpret_cast<uintptr_t>(&visit), {}};
    dl_iterate_phdr(visit, &search);
    return search.found.empty() ? std::string("none") : search.found;
  }();
  return id;
}

}  // namespace gradus
