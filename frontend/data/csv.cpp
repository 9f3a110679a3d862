#include "frontend/data/csv.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <map>
#include <system_error>

#include <fmt/format.h>

#include "frontend/tensor_impl.h"
#include "runtime/buffer.h"
#include "runtime/file.h"

namespace gradus::data {
namespace {

constexpr const char* kOp = "csv";

struct Field {
  uint64_t begin = 0;  // in the text, where quotes have been taken out
  uint32_t length = 0;
  uint32_t column = 0;  // of its first character in the file's line, from 1
};

}  // namespace

struct Table::Content {
  std::string name, text;
  CsvOptions options;
  std::vector<std::string> columns;
  std::vector<Field> fields;   // row by row
  std::vector<int64_t> lines;  // of each row, from 1

  std::string_view field(int64_t row, size_t column) const {
    const Field& f = fields[static_cast<size_t>(row) * columns.size() + column];
    return std::string_view(text).substr(f.begin, f.length);
  }
  size_t column_of(const std::string& column, SourcePos where) const {
    const auto at = std::find(columns.begin(), columns.end(), column);
    if (at != columns.end()) return static_cast<size_t>(at - columns.begin());
    std::string known;
    for (const std::string& other : columns)
      known += (known.empty() ? "" : ", ") + other;
    throw DataError({kOp, fmt::format("'{}' has no column '{}'; got {}", name, column, known),
                     where, "name one of these"});
  }
};

namespace {

// Splits text into fields, and takes the quotes out in place: a field never grows.
class Parser {
 public:
  Parser(Table::Content& content, SourcePos where)
      : content_(content), text_(content.text), options_(content.options), where_(where) {}

  void run() {
    if (text_.starts_with("\xef\xbb\xbf")) line_begin_ = at_ = 3;  // a byte order mark
    std::vector<Field> row;
    bool is_first = true;
    while (at_ < text_.size()) {
      if (skip_line()) continue;
      const int64_t line = line_;
      read_row(row);
      if (is_first) {
        name_columns(row, line);
        width_ = row.size();
      }
      if (row.size() != width_) {
        fail(
            line, 1,
            fmt::format("a row of another length; got {} fields, expected {}", row.size(), width_));
      }
      if (!is_first || !options_.has_header) {
        content_.fields.insert(content_.fields.end(), row.begin(), row.end());
        content_.lines.push_back(line);
      }
      is_first = false;
    }
  }

 private:
  [[noreturn]] void fail(int64_t line, size_t column, const std::string& what) const {
    throw DataError({kOp,
                     fmt::format("'{}', line {}, column {}: {}", content_.name, line, column, what),
                     where_, "correct the file, or the options that it is read with"});
  }
  bool at_line_end() const {
    return at_ >= text_.size() || text_[at_] == '\n' ||
           (text_[at_] == '\r' && (at_ + 1 == text_.size() || text_[at_ + 1] == '\n'));
  }
  void next_line() {
    if (at_ < text_.size() && text_[at_] == '\r') ++at_;
    if (at_ < text_.size()) ++at_;
    line_begin_ = at_;
    ++line_;
  }
  size_t column() const { return at_ - line_begin_ + 1; }

  // Over a blank line or a comment.
  bool skip_line() {
    const bool is_comment = options_.comment != 0 && text_[at_] == options_.comment;
    while (is_comment && !at_line_end())
      ++at_;
    if (!at_line_end()) return false;
    next_line();
    return true;
  }

  void read_row(std::vector<Field>& row) {
    row.clear();
    while (true) {
      const bool is_quoted = at_ < text_.size() && text_[at_] == options_.quote;
      row.push_back(is_quoted ? read_quoted() : read_plain());
      if (at_line_end()) break;
      ++at_;  // the delimiter
    }
    next_line();
  }
  Field read_plain() {
    Field field{at_, 0, narrow(column())};
    while (!at_line_end() && text_[at_] != options_.delimiter)
      ++at_;
    field.length = narrow(at_ - field.begin);
    return field;
  }
  Field read_quoted() {
    const int64_t line = line_;
    const size_t begin_column = column();
    Field field{at_, 0, narrow(begin_column)};
    size_t to = at_++;
    while (true) {
      if (at_ >= text_.size()) fail(line, begin_column, "a quoted field does not end");
      const char c = text_[at_];
      if (c == options_.quote) {
        if (at_ + 1 >= text_.size() || text_[at_ + 1] != options_.quote) break;
        ++at_;
      }
      text_[to++] = c;
      ++at_;
      if (c == '\n') {
        line_begin_ = at_;
        ++line_;
      }
    }
    ++at_;
    if (!at_line_end() && text_[at_] != options_.delimiter) {
      fail(line_, column(), "text behind the end of a quoted field; quotes inside are doubled");
    }
    field.length = narrow(to - field.begin);
    return field;
  }
  uint32_t narrow(size_t x) const {
    if (x > std::numeric_limits<uint32_t>::max()) fail(line_, 1, "a line of more than 4 GiB");
    return static_cast<uint32_t>(x);
  }

  void name_columns(const std::vector<Field>& row, int64_t line) {
    for (size_t i = 0; i < row.size(); ++i) {
      std::string name = options_.has_header
                             ? std::string(content_.text, row[i].begin, row[i].length)
                             : std::to_string(i);
      std::vector<std::string>& names = content_.columns;
      if (std::find(names.begin(), names.end(), name) != names.end()) {
        fail(line, row[i].column, fmt::format("two columns have the name '{}'", name));
      }
      names.push_back(std::move(name));
    }
  }

  Table::Content& content_;
  std::string& text_;
  const CsvOptions& options_;
  SourcePos where_;
  size_t at_ = 0, line_begin_ = 0, width_ = 0;
  int64_t line_ = 1;
};

std::string_view without_blanks(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

template <class T>
bool parse_number(std::string_view text, T& value) {
  text = without_blanks(text);
  if constexpr (std::is_same_v<T, bool>) {
    value = text == "1" || text == "true" || text == "True" || text == "TRUE";
    return value || text == "0" || text == "false" || text == "False" || text == "FALSE";
  } else {
    if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size();
  }
}

// Column `from` of the table, to places to, to + stride, ….
template <class T>
void fill_column(const Table::Content& content, size_t from, T* to, size_t stride,
                 SourcePos where) {
  for (size_t row = 0; row < content.lines.size(); ++row, to += stride) {
    const std::string_view text = content.field(static_cast<int64_t>(row), from);
    if constexpr (std::is_floating_point_v<T>) {
      if (content.options.empty_is_nan && without_blanks(text).empty()) {
        *to = std::numeric_limits<T>::quiet_NaN();
        continue;
      }
    }
    if (parse_number(text, *to)) continue;
    const Field& field = content.fields[row * content.columns.size() + from];
    throw DataError({kOp,
                     fmt::format("'{}', line {}, column {} ('{}'): no {}; got \"{}\"", content.name,
                                 content.lines[row], field.column, content.columns[from],
                                 name_of(dtype_of<T>()), text.substr(0, 60)),
                     where, "correct the file, or read the column as another type"});
  }
}

}  // namespace

int64_t Table::rows() const {
  return static_cast<int64_t>(content_->lines.size());
}

const std::vector<std::string>& Table::columns() const {
  return content_->columns;
}

bool Table::has(const std::string& column) const {
  return std::find(columns().begin(), columns().end(), column) != columns().end();
}

std::string_view Table::text(int64_t row, const std::string& column, SourcePos where) const {
  if (row < 0 || row >= rows()) {
    throw ValueError(
        {kOp, fmt::format("a row that is not there; got {}, expected 0 to {}", row, rows() - 1),
         where, "give the number of a row"});
  }
  return content_->field(row, content_->column_of(column, where));
}

Tensor Table::column(const std::string& column, DType dtype, SourcePos where) const {
  const Tensor matrix = this->matrix({column}, dtype, where);
  return gradus::detail::wrap_buffer(gradus::detail::interned({dtype, {rows()}}),
                                     gradus::detail::buffer_of(kOp, matrix, where), where);
}

Tensor Table::matrix(const std::vector<std::string>& columns, DType dtype, SourcePos where) const {
  if (dtype == DType::Key) {
    throw DTypeError({kOp, "a table holds no random keys; got key", where, "name another type"});
  }
  const Type type{dtype, {rows(), static_cast<int64_t>(columns.size())}};
  BufferPtr buffer = Buffer::allocate(type.bytes());
  for (size_t i = 0; i < columns.size(); ++i) {
    const size_t from = content_->column_of(columns[i], where);
    visit_dtype(dtype, [&]<class T>() {
      if constexpr (!std::is_same_v<T, KeyData>) {
        fill_column(*content_, from, buffer->as<T>() + i, columns.size(), where);
      }
    });
  }
  return gradus::detail::wrap_buffer(gradus::detail::interned(type), std::move(buffer), where);
}

Table::Categories Table::categories(const std::string& column, SourcePos where) const {
  const size_t from = content_->column_of(column, where);
  std::map<std::string_view, int32_t> numbers;
  for (int64_t row = 0; row < rows(); ++row)
    numbers[content_->field(row, from)] = 0;
  Categories result;
  for (auto& [name, number] : numbers) {
    number = static_cast<int32_t>(result.classes.size());
    result.classes.emplace_back(name);
  }
  std::vector<int32_t> labels;
  for (int64_t row = 0; row < rows(); ++row)
    labels.push_back(numbers[content_->field(row, from)]);
  result.labels = gradus::tensor(labels, where);
  return result;
}

Table parse_csv(std::string text, const CsvOptions& options, const std::string& name,
                SourcePos where) {
  auto content = std::make_shared<Table::Content>();
  content->name = name;
  content->text = std::move(text);
  content->options = options;
  Parser(*content, where).run();
  return Table(std::move(content));
}

Table read_csv(const std::string& path, const CsvOptions& options, SourcePos where) {
  std::string text;
  try {
    text = read_file(path);
  } catch (const DataError& e) {
    throw DataError({kOp, e.message().what, where, e.message().remedy});
  }
  return parse_csv(std::move(text), options, path, where);
}

}  // namespace gradus::data
