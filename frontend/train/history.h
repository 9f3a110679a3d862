// What a training reached, epoch by epoch: named numbers, kept as a table.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gradus/runtime/error.h>

namespace gradus::train {

/// Named numbers of one epoch, in the order in which they are shown: {{"test_accuracy", 0.97}}.
using Metrics = std::vector<std::pair<std::string, double>>;

/// One row for each epoch that was finished.
class History {
 public:
  struct Row {
    int epoch = 0;  // from 1
    Metrics metrics;

    bool has(std::string_view name) const;
    /// Throws ValueError, listing what there is, if there is no such metric.
    double operator[](std::string_view name) const;
    friend bool operator==(const Row&, const Row&) = default;
  };

  /// Throws ValueError unless the epoch follows the last row's, or a metric's name cannot stand in
  /// a table (empty, or with a comma, a quote or a line break).
  void add(Row row);

  const std::vector<Row>& rows() const { return rows_; }
  bool empty() const { return rows_.empty(); }
  const Row& last() const { return rows_.back(); }
  /// One number for each row; NaN where a row does not have it.
  std::vector<double> column(std::string_view name) const;
  /// Every metric's name, in order of first appearance.
  std::vector<std::string> names() const;

  /// "epoch,seconds,loss\n1,0.52,0.31\n": numbers with all their digits, missing ones empty.
  std::string to_csv() const;
  /// Throws DataError, naming the line, for a text that to_csv() cannot have written.
  static History from_csv(std::string_view text);

  friend bool operator==(const History&, const History&) = default;

 private:
  std::vector<Row> rows_;
};

}  // namespace gradus::train
