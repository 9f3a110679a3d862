// The whole text of the errors that a program can cause through the public functions.
#include <catch2/catch_test_macros.hpp>

#include "tests/frontend/values.h"

using namespace gradus;

namespace {

struct Layer {
  Tensor w, b;
};

const std::string kPredictLine = here(2);
Tensor predict(const Layer& layer, const Tensor& image) {
  return dot(layer.w, image) + layer.b;
}

}  // namespace

TEST_CASE("shapes that do not broadcast") {
  const std::string text = message_of<ShapeError>([] { ones({2, 3}) + ones({4}); });
  const std::string line = here(-1);
  CHECK(text ==
        "[add] shapes do not broadcast; got [2,3] and [4], expected extents that are equal "
        "or 1, aligned at the last axis; " +
            line + "; reshape, transpose or expand_dims one operand");
}

TEST_CASE("products of shapes that do not fit") {
  const Layer layer{ones({10, 784}), ones({10})};
  const Tensor batch = ones({128, 784});
  const std::string text = message_of<ShapeError>([&] { predict(layer, batch); });
  CHECK(text ==
        "[dot] inner extents differ; got f32[10,784] and f32[128,784]: axis 1 has 784, axis "
        "0 has 128, expected equal extents; " +
            kPredictLine + "; transpose one operand, or apply vmap to a function of one example");
}

TEST_CASE("an error inside jit names the line inside") {
  const auto f = jit([](const Tensor& x) { return x + ones({3}); });
  const std::string line = here(-1);
  CHECK(message_of<ShapeError>([&] { f(ones({2})); }) ==
        "[add] shapes do not broadcast; got [2] and [3], expected extents that are equal or 1, "
        "aligned at the last axis; " +
            line + "; reshape, transpose or expand_dims one operand");
}

TEST_CASE("composed operations name the user's line") {
  CHECK(message_of<ValueError>([] { softmax(ones({2}), 3); }) ==
        "[softmax] no such axis; got axis 3, expected -1 to 0; " + here() +
            "; choose an axis of the operand");
}

TEST_CASE("element types that do not combine") {
  CHECK(message_of<DTypeError>([] { random::key(0) * 2; }) ==
        "[multiply] element types do not combine; got key and i32: a key is no number; " +
            here() + "; draw numbers from the key first");
  CHECK(message_of<ValueError>([] { ones({2}, DType::U8) - 300; }) ==
        "[subtract] a number does not fit the tensor beside it; got 300, expected a value of u8; " +
            here() + "; convert the tensor by astype, or change the number");
}

TEST_CASE("values of the wrong kind") {
  CHECK(message_of<DTypeError>([] { ones({}).item<int32_t>(); }) ==
        "[item] read as another element type; got i32, expected f32; " + here() +
            "; ask for the tensor's element type, or convert it by astype");
  CHECK(message_of<ShapeError>([] { ones({2}).item<float>(); }) ==
        "[item] more or less than one element; got f32[2], expected one; " + here() +
            "; reduce or index the tensor first, or use to_vector");
  CHECK(message_of<ValueError>([] { Tensor().shape(); }) ==
        "[tensor] an empty tensor was used; got Tensor{}, expected a value; " + here() +
            "; assign a value first; a tensor that was moved from is empty");
  CHECK(message_of<ShapeError>([] { tensor(std::vector{1.0f}, {2}); }) ==
        "[tensor] values do not fill the shape; got 1 values, expected 2 for [2]; " + here() +
            "; give one value for each element");
}

TEST_CASE("an if on a traced value") {
  const auto f = jit([](const Tensor& x) { return x.item<float>() > 0 ? x : -x; });
  const std::string made = here(-1), read = made;
  CHECK(message_of<TraceError>([&] { f(Tensor(1.0f)); }) ==
        "[item] a traced tensor has no value yet; got f32[] made at " + made + "; " + read +
            "; choose between values with where(condition, a, b), or read the value outside the "
            "traced function");
}

TEST_CASE("a traced tensor that escaped") {
  Tensor kept;
  const auto leak = [&](const Tensor& x) {
    kept = x * 2;
    return sum(x);
  };
  const std::string made = here(-3);
  grad(leak)(ones({3}));
  const std::string used = here(1);
  CHECK(message_of<TraceError>([&] { kept + 1; }) ==
        "[add] a traced tensor escaped its trace; got f32[3] made at " + made +
            ", expected a tensor of the function being traced or of one around it; " + used +
            "; return it from the traced function instead of keeping it in a variable outside");
  CHECK_THROWS_AS(jit([](const Tensor& x) { return x; })(kept), TraceError);
  CHECK_THROWS_AS(kept.item<float>(), TraceError);
}

TEST_CASE("a tensor captured by jit") {
  const Tensor w = ones({784, 10});
  const std::string made = here(-1);
  const auto f = jit([&](const Tensor& x) { return dot(x, w); });
  const std::string used = here(-1);
  CHECK(message_of<TraceError>([&] { f(ones({784})); }) ==
        "[jit] a tensor from outside is used in a jitted function, where later changes of its "
        "variable would not be seen; got f32[784,10] made at " +
            made + "; " + used +
            "; pass it as an argument, or say constant(…) if it never changes");
  CHECK_THROWS_AS(jit(grad([&](const Tensor& x) { return sum(dot(x, w)); }))(ones({784})),
                  TraceError);
  CHECK_NOTHROW(jit([&](const Tensor& x) { return dot(x, constant(w)); })(ones({784})));
  const Tensor scalar = 2.0f;
  CHECK_NOTHROW(jit([&](const Tensor& x) { return x * scalar; })(ones({3})));
}

TEST_CASE("grad of what has none") {
  const auto square_of = [](const Tensor& x) { return x * x; };
  CHECK(message_of<TransformError>([&] { grad(square_of)(ones({3})); }) ==
        "[grad] the function's result is no float scalar; got f32[3], expected f32[]; " + here() +
            "; reduce it by sum or mean, or use vjp for the derivative of a tensor");
  const auto f = [](const Layer& l) { return sum(l.w) + sum(l.b); };
  CHECK(message_of<TransformError>([&] {
          grad(f)(Layer{ones({3}), arange(2)});
        }) == "[grad] no derivative by what is not real; got arg0.b: i32[2], expected floats; " +
                  here() + "; pass it as another argument, or convert it by astype");
  CHECK(message_of<TransformError>([&] { jvp(square_of, ones({3}), ones({2})); }) ==
        "[jvp] a tangent differs from its argument; got f32[2] for arg0: f32[3], expected equal "
        "types; " +
            here() + "; give each argument a tangent of its own shape and element type");
  const auto [y, pullback] = vjp(square_of, ones({3}));
  CHECK(message_of<TransformError>([&, &back = pullback] { back(ones({4})); }) ==
        "[vjp] a cotangent differs from its result; got f32[4], expected f32[3]; " + here() +
            "; give each result a cotangent of its own shape and element type");
}

TEST_CASE("axes of vmap that disagree") {
  const auto f = [](const Tensor& a, const Layer& l) { return a * l.w; };
  const Layer layer{ones({4}), ones({3})};
  const auto mapped = vmap(f);
  const std::string line = here(-1);
  const std::string text = message_of<ShapeError>([&] { mapped(ones({3}), layer); });
  CHECK(text.find("Inconsistent axis sizes: 3 and 4") != text.npos);
  CHECK(text.find("arg1.w") != text.npos);
  CHECK(text.find(line) != text.npos);
  CHECK(message_of<ShapeError>([&] { mapped(Tensor(1.0f), layer); }) ==
        "[vmap] no axis to map; got axis 0 for arg0: f32[]; " + line +
            "; say none in in_axes for what is not mapped");
  CHECK(message_of<ValueError>([&] { vmap(f, in_axes(0))(ones({3}), Layer{}); }) ==
        "[vmap] in_axes does not fit the call; got 1 entries for 2 arguments; " + here() +
            "; give one entry for each argument");
  CHECK(message_of<ValueError>([&] { vmap(f, in_axes(0, axes(0, 0, 0)))(ones({4}), layer); }) ==
        "[vmap] in_axes does not fit the tree; got 3 entries for 2 members; " + here() +
            "; give one entry for each member, or one axis for all of them");
}

TEST_CASE("exceptions of the user leave no trace open, at any depth") {
  const auto fails = [](const Tensor& x) -> Tensor {
    if (x.rank() == 0) throw std::runtime_error("mine");
    return x;
  };
  const auto check_closed = [] { CHECK_FALSE((ones({2}) + 1).is_traced()); };
  CHECK_THROWS_AS(grad(fails)(Tensor(1.0f)), std::runtime_error);
  check_closed();
  CHECK_THROWS_AS(vmap(fails)(ones({2})), std::runtime_error);
  check_closed();
  CHECK_THROWS_AS(jit(vmap(grad(fails)))(ones({2})), std::runtime_error);
  check_closed();
  CHECK_THROWS_AS(jvp(fails, Tensor(1.0f), Tensor(1.0f)), std::runtime_error);
  check_closed();
  CHECK_THROWS_AS(vjp(fails, Tensor(1.0f)), std::runtime_error);
  check_closed();
  CHECK(message_of<ShapeError>([] { ones({2}) + ones({3}); }).find(here()) != std::string::npos);
}

TEST_CASE("reshapes and joins that do not fit") {
  CHECK(message_of<ShapeError>([] {
          reshape(ones({2, 3}), {4, -1});
        }) ==
        "[reshape] another number of elements; got f32[2,3] and [4,-1], expected equal numbers; " +
            here() + "; choose extents with the same product; one may be -1");
  CHECK(message_of<ShapeError>([] {
          stack({ones({2}), ones({3})});
        }) == "[stack] shapes differ; got [2] and [3], expected equal shapes; " + here() +
                  "; concatenate joins along an axis that exists");
  CHECK(message_of<ValueError>([] { ones({2})[2]; }) ==
        "[index] no such entry; got index 2, expected -2 to 1; " + here() +
            "; choose an index within the first axis");
  CHECK(message_of<ValueError>([] {
          einsum("ii->i", ones({2, 2}));
        }) == "[einsum] no such formula; got \"ii->i\": 'i' stands twice in one operand; " +
                  here() + "; write one letter per axis, as in \"ij,jk->ik\"");
}
