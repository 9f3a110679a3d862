// Damaged files are read, or refused by an Error; nothing else happens.
#include <catch2/catch_test_macros.hpp>
#include <string>

#include "frontend/io/npy.h"
#include "frontend/io/npz.h"
#include "frontend/io/safetensors.h"
#include "frontend/io/save.h"
#include "tests/io/mutate.h"
#include "tests/io/values.h"
#include "tests/runtime/temporary_folder.h"

using namespace gradus;
using namespace gradus::test;

namespace {

const std::string kGolden = GRADUS_SOURCE_DIR "/tests/io/golden/";
constexpr int kRounds = 3000;

void run(const std::string& sound, auto&& read) {
  const MemoryFile file;
  const int refused = count_refused(sound, kRounds, 1, [&](const std::string& bytes) {
    file.put(bytes);
    read(file.path());
  });
  CHECK(refused > kRounds / 20);
  file.put(sound);
  CHECK_NOTHROW(read(file.path()));
}

/// What `write` writes.
std::string written(auto&& write) {
  const TemporaryFolder folder;
  write(folder / "x");
  return bytes_of_file(folder / "x");
}

}  // namespace

TEST_CASE("damaged npy files") {
  run(written([](const std::string& path) {
        io::save_npy(path, counted(DType::F32, {3, 4}));
      }),
      [](const std::string& path) { io::load_npy(path); });
}

TEST_CASE("damaged npz files") {
  const auto read = [](const std::string& path) { io::load_npz(path, 1 << 24); };
  run(bytes_of_file(kGolden + "stored.npz"), read);
  run(written([](const std::string& path) {
        io::save_npz(path, {{"a", counted(DType::F32, {9, 4})}, {"b", counted(DType::I8, {})}},
                     io::Packing::Deflated);
      }),
      read);
}

TEST_CASE("damaged safetensors files") {
  run(bytes_of_file(kGolden + "all.safetensors"),
      [](const std::string& path) { io::load_safetensors(path); });
  const std::map<std::string, Tensor> tree = {{"a", counted(DType::F32, {2})},
                                              {"b", counted(DType::I8, {})}};
  run(written([&](const std::string& path) {
        io::save(path, tree, {{"epoch", 1}});
      }),
      [&](const std::string& path) { io::load(path, tree); });
}
