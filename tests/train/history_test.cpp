#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <limits>

#include "frontend/train/history.h"
#include "tests/support/messages.h"

using namespace gradus;
using namespace gradus::train;
using gradus::test::message_of;

TEST_CASE("rows, columns and names of a history") {
  History history;
  CHECK(history.empty());
  history.add({1, {{"loss", 0.5}}});
  history.add({2, {{"loss", 0.25}, {"accuracy", 0.9}}});
  CHECK(history.last()["accuracy"] == 0.9);
  CHECK_FALSE(history.rows()[0].has("accuracy"));
  CHECK(history.names() == std::vector<std::string>{"loss", "accuracy"});
  const auto accuracy = history.column("accuracy");
  CHECK(std::isnan(accuracy[0]));
  CHECK(accuracy[1] == 0.9);
  CHECK(message_of([&] { history.last()["acuracy"]; }) ==
        "[history] no such metric; got 'acuracy', expected one of loss, accuracy; return it from "
        "the function that measures an epoch");
}

TEST_CASE("a history as CSV, and back with the same bits") {
  History history;
  history.add({1, {{"loss", 1.0 / 3}, {"test", 0.1}}});
  history.add({2, {{"loss", std::numeric_limits<double>::denorm_min()}}});
  history.add({3, {{"loss", -0.0}, {"test", 1e300}, {"rate", 3e-4}}});
  const std::string text = history.to_csv();
  CHECK(text.starts_with("epoch,loss,test,rate\n1,0.3333333333333333,0.1,\n2,5e-324,,\n"));
  CHECK(History::from_csv(text) == history);
  CHECK(History::from_csv(text).to_csv() == text);
  CHECK(History::from_csv("epoch\n").empty());
}

TEST_CASE("what is no history is refused") {
  History history;
  history.add({1, {}});
  CHECK(message_of([&] {
          history.add({3, {}});
        }).starts_with("[history] epochs follow each other; got 3, expected 2"));
  for (const char* name : {"", "a,b", "a\"b", "a\nb"}) {
    CHECK(message_of([&] {
            history.add({2, {{name, 1.0}}});
          }).starts_with("[history] a metric's name must fit a table"));
  }
  for (const char* text : {"", "epoch", "epok\n", "epoch,a\n1\n", "epoch,a\nx,1\n",
                           "epoch,a\n1,?\n", "epoch,a\n1,1 \n", "epoch,a\n1,1,1\n"}) {
    CAPTURE(text);
    CHECK(message_of([&] { History::from_csv(text); }).starts_with("[history] line "));
  }
}
