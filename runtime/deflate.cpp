#include "runtime/deflate.h"

#include <algorithm>
#include <array>
#include <new>

#include <zlib.h>

#include "runtime/error.h"

namespace gradus {
namespace {

constexpr size_t kMostAtOnce = size_t{1} << 30;  // zlib counts in 32 bits

[[noreturn]] void fail(const char* what, const char* remedy = "fetch or write the file again") {
  throw DataError({.op = "deflate", .what = what, .remedy = remedy});
}

int window_bits(Inflater::Wrapping wrapping) {
  return wrapping == Inflater::Wrapping::Gzip ? MAX_WBITS + 16 : -MAX_WBITS;
}

}  // namespace

struct Inflater::State {
  ByteSource& from;
  Wrapping wrapping;
  z_stream stream{};
  bool at_end = false;
  std::array<unsigned char, 1 << 16> input;

  bool fill() {
    stream.next_in = input.data();
    stream.avail_in = static_cast<uInt>(from.read(input.data(), input.size()));
    return stream.avail_in > 0;
  }
  // A gzip file may hold several packed streams, one behind another.
  void end_stream() {
    if (wrapping == Wrapping::None) {
      at_end = true;
      return;
    }
    at_end = stream.avail_in == 0 && !fill();
    if (at_end) return;
    if (stream.next_in[0] != 0x1f) fail("other bytes stand behind the packed data");
    inflateReset(&stream);
  }
};

Inflater::Inflater(ByteSource& from, Wrapping wrapping) : state_(new State{from, wrapping}) {
  if (inflateInit2(&state_->stream, window_bits(wrapping)) != Z_OK) throw std::bad_alloc();
}

Inflater::~Inflater() {
  inflateEnd(&state_->stream);
}

size_t Inflater::read(void* to, size_t bytes) {
  z_stream& stream = state_->stream;
  size_t done = 0;
  while (done < bytes && !state_->at_end) {
    // Output may be pending when there is no input left.
    if (stream.avail_in == 0) state_->fill();
    stream.next_out = static_cast<unsigned char*>(to) + done;
    const size_t wanted = std::min(bytes - done, kMostAtOnce);
    stream.avail_out = static_cast<uInt>(wanted);
    const int status = inflate(&stream, Z_NO_FLUSH);
    done += wanted - stream.avail_out;
    if (status == Z_MEM_ERROR) throw std::bad_alloc();
    if (status == Z_STREAM_END) {
      state_->end_stream();
    } else if (status == Z_BUF_ERROR) {
      fail("the packed data is cut off");
    } else if (status != Z_OK) {
      fail("the packed data is damaged");
    }
  }
  return done;
}

struct Deflater::State {
  z_stream stream{};
  std::string output;

  void run(int flush) {
    std::array<char, 1 << 16> part;
    int status = Z_OK;
    do {
      stream.next_out = reinterpret_cast<unsigned char*>(part.data());
      stream.avail_out = static_cast<uInt>(part.size());
      status = deflate(&stream, flush);
      GRADUS_CHECK(status != Z_STREAM_ERROR);
      output.append(part.data(), part.size() - stream.avail_out);
    } while (stream.avail_out == 0 && status != Z_STREAM_END);
  }
};

Deflater::Deflater(Inflater::Wrapping wrapping) : state_(new State) {
  constexpr int kMemoryLevel = 8;
  if (deflateInit2(&state_->stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, window_bits(wrapping),
                   kMemoryLevel, Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::bad_alloc();
  }
}

Deflater::~Deflater() {
  deflateEnd(&state_->stream);
}

void Deflater::add(std::string_view piece) {
  while (!piece.empty()) {
    const std::string_view part = piece.substr(0, kMostAtOnce);
    // zlib does not write to its input.
    state_->stream.next_in = reinterpret_cast<unsigned char*>(const_cast<char*>(part.data()));
    state_->stream.avail_in = static_cast<uInt>(part.size());
    state_->run(Z_NO_FLUSH);
    piece.remove_prefix(part.size());
  }
}

std::string Deflater::finish() {
  state_->run(Z_FINISH);
  return std::move(state_->output);
}

uint32_t crc32_of(std::string_view bytes, uint32_t before) {
  return static_cast<uint32_t>(
      crc32_z(before, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()));
}

}  // namespace gradus
