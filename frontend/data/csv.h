// Tables of text: one row a line, fields between delimiters (RFC 4180).
//
//     auto table = data::read_csv("iris.csv");
//     Tensor x = table.matrix({"sepal_length", "sepal_width"});       // f32[rows,2]
//     auto [labels, classes] = table.categories("species");           // i32[rows] and their names
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gradus/runtime/dtype.h>
#include <gradus/runtime/error.h>
#include <gradus/tensor.h>

namespace gradus::data {

struct CsvOptions {
  char delimiter = ',';
  bool has_header = true;     // the first row names the columns; else they are "0", "1", …
  char quote = '"';           // around fields that hold delimiters, line ends or quotes ("")
  char comment = 0;           // lines that begin with it are skipped; 0: none are
  bool empty_is_nan = false;  // an empty field of a column of floats is NaN, not an error
};

/// The text of a table. A value: copies share the text.
class Table {
 public:
  int64_t rows() const;
  /// Names of the columns, in order.
  const std::vector<std::string>& columns() const;
  bool has(const std::string& column) const;

  /// A field as it is in the file, without quotes; it lives as long as the table.
  std::string_view text(int64_t row, const std::string& column,
                        SourcePos where = SourcePos::here()) const;

  /// A column as numbers, or bools (0, 1, true, false); blanks around them do not count. DataError
  /// with file, line and column for a field that the type does not hold, and for a column that is
  /// not there.
  Tensor column(const std::string& column, DType dtype = DType::F32,
                SourcePos where = SourcePos::here()) const;
  /// Several columns, side by side: [rows, columns].
  Tensor matrix(const std::vector<std::string>& columns, DType dtype = DType::F32,
                SourcePos where = SourcePos::here()) const;

  struct Categories {
    Tensor labels;                     // i32[rows]: places in `classes`
    std::vector<std::string> classes;  // sorted
  };
  /// A column of text as numbers of its distinct values.
  Categories categories(const std::string& column, SourcePos where = SourcePos::here()) const;

  /// For the library.
  struct Content;
  explicit Table(std::shared_ptr<const Content> content) : content_(std::move(content)) {}

 private:
  std::shared_ptr<const Content> content_;
};

/// Reads a table. Blank lines are skipped, lines end with LF or CRLF. Throws DataError with file,
/// line and column if the file is missing, or a row has another number of fields than the first, a
/// quoted field does not end or has text behind its end, or two columns have one name.
Table read_csv(const std::string& path, const CsvOptions& options = {},
               SourcePos where = SourcePos::here());

/// The same for text in memory; `name` stands for the file in messages.
Table parse_csv(std::string text, const CsvOptions& options = {}, const std::string& name = "text",
                SourcePos where = SourcePos::here());

}  // namespace gradus::data
