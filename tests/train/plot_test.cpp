#include <catch2/catch_test_macros.hpp>
#include <cstdlib>

#include <gradus/train/plot.h>

#include "runtime/file.h"
#include "tests/runtime/temporary_folder.h"
#include "tests/support/messages.h"

using namespace gradus;
using gradus::test::message_of;
using gradus::test::TemporaryFolder;

namespace {

train::History history() {
  train::History h;
  for (int epoch = 1; epoch <= 5; ++epoch) {
    h.add({epoch, {{"train_loss", 1.0 / epoch}, {"test_loss", 1.5 / epoch}}});
  }
  return h;
}

class Path {
 public:
  explicit Path(const std::string& path) : before_(std::getenv("PATH")) {
    setenv("PATH", path.c_str(), 1);
  }
  ~Path() { setenv("PATH", before_.c_str(), 1); }

 private:
  std::string before_;
};

}  // namespace

TEST_CASE("a learning curve as PNG, 600 by 400") {
  TemporaryFolder folder;
  const auto plot =
      train::learning_curve(history(), {"train_loss", "test_loss"}, "It's a curve", "loss");
  CHECK(plot.x_label == "epoch");
  CHECK(plot.curves[1].y[1] == 0.75);
  train::save_plot(plot, folder / "curve.png");
  const std::string bytes = read_file(folder / "curve.png");
  CHECK(bytes.substr(1, 3) == "PNG");
  CHECK(bytes.substr(16, 8) == std::string("\0\0\x02\x58\0\0\x01\x90", 8));
}

TEST_CASE("the same as SVG, with title, axes and names") {
  TemporaryFolder folder;
  train::save_plot(train::learning_curve(history(), {"train_loss"}, "A curve <1>", "loss, a mean"),
                   folder / "curve.svg");
  const std::string text = read_file(folder / "curve.svg");
  for (const char* part : {"width=\"600\" height=\"400\"", "A curve &lt;1>", ">epoch<",
                           ">loss, a mean<", ">train_loss<"}) {
    INFO(part);
    CHECK(text.find(part) != std::string::npos);
  }
}

TEST_CASE("what cannot be drawn is told, and no file is left") {
  TemporaryFolder folder;
  const auto plot = train::learning_curve(history(), {"train_loss"}, "t", "y");
  CHECK(message_of([&] {
          train::save_plot(plot, folder / "curve.jpg");
        }).starts_with("[save_plot] the file ends with .png or .svg; got "));
  auto other = train::learning_curve(history(), {"loss"}, "t", "y");
  CHECK(message_of([&] {
          train::save_plot(other, folder / "curve.svg");
        }).starts_with("[save_plot] a curve has no finite points; got 'loss'"));
  other = plot;
  other.curves[0].x.pop_back();
  CHECK(message_of([&] {
          train::save_plot(other, folder / "curve.svg");
        }).starts_with("[save_plot] a curve has as many x as y; got 4 and 5"));
  other = plot;
  other.height = 0;
  CHECK(message_of([&] {
          train::save_plot(other, folder / "curve.svg");
        }).starts_with("[save_plot] width and height are 100 to 10000"));
  CHECK(folder.files() == 0);
}

TEST_CASE("without gnuplot the package is named") {
  TemporaryFolder folder;
  const Path nowhere(folder.path());
  CHECK(message_of([&] {
          train::save_plot(train::learning_curve(history(), {"train_loss"}, "t", "y"),
                           folder / "curve.svg");
        }).starts_with("[save_plot] gnuplot cannot be started; No such file or directory; "));
  CHECK(folder.files() == 0);
}
