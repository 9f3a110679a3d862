// Tables of text: what is read, and the lines and columns of what is not.
#include "frontend/data/csv.h"

#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "runtime/file.h"
#include "tests/runtime/temporary_folder.h"
#include "tests/support/messages.h"

using namespace gradus;
using data::parse_csv;
using gradus::test::what_of;

TEST_CASE("columns are typed when they are asked for") {
  const data::Table table = parse_csv("x,n,good,name\n1.5, 7 ,true,b\n-2e3,+8,0,a\ninf,9,1,b\n");
  CHECK(table.rows() == 3);
  CHECK(table.columns() == std::vector<std::string>{"x", "n", "good", "name"});
  CHECK(table.has("good"));
  CHECK(!table.has("bad"));
  CHECK(table.column("x").to_vector<float>() == std::vector<float>{1.5, -2000, INFINITY});
  CHECK(table.column("n", DType::I64).to_vector<int64_t>() == std::vector<int64_t>{7, 8, 9});
  CHECK(table.column("n", DType::U8).to_vector<uint8_t>() == std::vector<uint8_t>{7, 8, 9});
  CHECK(table.column("good", DType::Bool).to_vector<bool>() == std::vector<uint8_t>{1, 0, 1});
  const Tensor both = table.matrix({"n", "x"}, DType::F64);
  CHECK(both.shape() == Shape{3, 2});
  CHECK(both.to_vector<double>() == std::vector<double>{7, 1.5, 8, -2000, 9, INFINITY});
  CHECK(table.text(1, "n") == "+8");
  const auto [labels, classes] = table.categories("name");
  CHECK(labels.to_vector<int32_t>() == std::vector<int32_t>{1, 0, 1});
  CHECK(classes == std::vector<std::string>{"a", "b"});
}

TEST_CASE("quotes, line ends, blank lines, comments and other delimiters") {
  const data::Table quoted = parse_csv("a,\"b, c\"\r\n\"x\"\"y\",\"two\nlines\"\r\n\r\n\"\",z", {});
  CHECK(quoted.columns() == std::vector<std::string>{"a", "b, c"});
  REQUIRE(quoted.rows() == 2);
  CHECK(quoted.text(0, "a") == "x\"y");
  CHECK(quoted.text(0, "b, c") == "two\nlines");
  CHECK(quoted.text(1, "a") == "");
  CHECK(quoted.text(1, "b, c") == "z");

  const data::Table tabs = parse_csv("# one\n1\t2\n# two\n3\t\n",
                                     {.delimiter = '\t', .has_header = false, .comment = '#'});
  CHECK(tabs.columns() == std::vector<std::string>{"0", "1"});
  CHECK(tabs.rows() == 2);
  CHECK(tabs.text(1, "1") == "");
  CHECK(parse_csv("\xef\xbb\xbfx\n1\n").columns() == std::vector<std::string>{"x"});
  CHECK(parse_csv("").rows() == 0);
  CHECK(parse_csv("").columns().empty());
  CHECK(parse_csv("x,y").rows() == 0);
  CHECK(parse_csv("x,y").matrix({"x", "y"}).shape() == Shape{0, 2});
  CHECK(parse_csv("x\n1").column("x").item<float>() == 1);
  CHECK(parse_csv("a,b\nx\ry,1\n").text(0, "a") == "x\ry");
}

TEST_CASE("an empty field is NaN if that is wanted") {
  const std::string text = "x,y\n1,2\n,4\n";
  CHECK(what_of<DataError>([&] { parse_csv(text).column("x"); }) ==
        "'text', line 3, column 1 ('x'): no f32; got \"\"");
  const data::Table table = parse_csv(text, {.empty_is_nan = true});
  CHECK(std::isnan(table.column("x").to_vector<float>()[1]));
  CHECK_THROWS_AS(table.column("x", DType::I32), DataError);
}

TEST_CASE("errors name line and column") {
  const data::Table table = parse_csv("id,\"na\nme\",age\n1,x,20\n\n2,\"y\",abc\n3,z,300\n");
  CHECK(what_of<DataError>([&] { table.column("age"); }) ==
        "'text', line 5, column 7 ('age'): no f32; got \"abc\"");
  CHECK(what_of<DataError>([&] { table.column("id", DType::Bool); }) ==
        "'text', line 5, column 1 ('id'): no bool; got \"2\"");
  CHECK(what_of<DataError>([&] { parse_csv("n\n255\n256\n").column("n", DType::U8); }) ==
        "'text', line 3, column 1 ('n'): no u8; got \"256\"");
  CHECK(what_of<DataError>([&] { parse_csv("n\n1.5\n").column("n", DType::I32); }) ==
        "'text', line 2, column 1 ('n'): no i32; got \"1.5\"");
  CHECK(what_of<DataError>([&] { parse_csv("n\n-1\n").column("n", DType::U32); }) ==
        "'text', line 2, column 1 ('n'): no u32; got \"-1\"");
  CHECK(what_of<DataError>([&] { parse_csv("n\n+-1\n").column("n", DType::I32); }) ==
        "'text', line 2, column 1 ('n'): no i32; got \"+-1\"");
  CHECK(what_of<DataError>([&] { table.column("none"); }) ==
        "'text' has no column 'none'; got id, na\nme, age");
  CHECK(what_of<DataError>([] { parse_csv("a,b\n1,2\n1,2,3\n"); }) ==
        "'text', line 3, column 1: a row of another length; got 3 fields, expected 2");
  CHECK(what_of<DataError>([] { parse_csv("a,b\n1\n"); }) ==
        "'text', line 2, column 1: a row of another length; got 1 fields, expected 2");
  CHECK(what_of<DataError>([] { parse_csv("a,b,a\n"); }) ==
        "'text', line 1, column 5: two columns have the name 'a'");
  CHECK(what_of<DataError>([] { parse_csv("a,b\n1,\"2\n3\n"); }) ==
        "'text', line 2, column 3: a quoted field does not end");
  CHECK(what_of<DataError>([] { parse_csv("a,b\n1,\"2\"3\n"); }) ==
        "'text', line 2, column 6: text behind the end of a quoted field; quotes inside are "
        "doubled");
  CHECK_THROWS_AS(table.text(3, "id"), ValueError);
  CHECK_THROWS_AS(table.column("id", DType::Key), DTypeError);
}

TEST_CASE("files") {
  const test::TemporaryFolder folder;
  write_file_atomically(folder / "x.csv", "a;b\n1;2,5\n");
  const data::Table table = data::read_csv(folder / "x.csv", {.delimiter = ';'});
  CHECK(table.column("a").item<float>() == 1);
  CHECK(what_of<DataError>([&] { table.column("b"); }) ==
        "'" + (folder / "x.csv") + "', line 2, column 3 ('b'): no f32; got \"2,5\"");
  CHECK(what_of<DataError>([&] { data::read_csv(folder / "none"); }) ==
        "cannot read '" + (folder / "none") + "': No such file or directory");
}
