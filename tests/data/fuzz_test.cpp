// Damaged data is read, or refused by an Error; nothing else happens.
#include <catch2/catch_test_macros.hpp>
#include <string>

#include "frontend/data/csv.h"
#include "frontend/data/idx.h"
#include "frontend/data/images.h"
#include "runtime/deflate.h"
#include "tests/data/idx_file.h"
#include "tests/data/pictures.h"
#include "tests/io/mutate.h"

using namespace gradus;
using namespace gradus::test;

TEST_CASE("damaged IDX files") {
  const MemoryFile file;
  const auto read = [&](const std::string& bytes) {
    file.put(bytes);
    data::read_idx(file.path());
  };
  CHECK(count_refused(idx_bytes({2, 3, 4}), 2000, 1, read) > 100);
  Deflater deflater(Inflater::Wrapping::Gzip);
  deflater.add(idx_bytes({10, 3, 4}));
  CHECK(count_refused(deflater.finish(), 2000, 2, read) > 1000);
}

TEST_CASE("damaged tables") {
  const std::string text =
      "id,name,\"x, y\"\r\n1,\"two\nlines\",0.5\n\n2,plain,1e-3\n3,\"quo\"\"ted\",-7\n";
  const auto read = [](const std::string& bytes) {
    const data::Table table = data::parse_csv(bytes, {.comment = '#'});
    for (const std::string& column : table.columns()) {
      table.categories(column);
      for (int64_t row = 0; row < table.rows(); ++row)
        table.text(row, column);
    }
    table.column("x, y");
    table.column("id", DType::I16);
  };
  CHECK(count_refused(text, 5000, 1, read) > 500);
  CHECK_NOTHROW(read(text));
}

TEST_CASE("damaged pictures") {
  const auto read = [](const std::string& bytes) { data::decode_image(bytes, 3); };
  const Tensor x = picture(20, 17, 3);
  CHECK(count_refused(png_of(x), 2000, 1, read) > 200);
  CHECK(count_refused(pnm_of(x), 2000, 2, read) > 20);
  CHECK(count_refused(jpeg_of(x), 2000, 3, read) > 20);
}
