// Pictures as data: u8[height,width,channels], row by row from the top, channels interleaved.
//
//     data::ImageFolder folder("flowers", {.channels = 3, .height = 64, .width = 64});
//     auto batches = data::batches(folder, {.size = 32, .order =
//     data::Order::numpy(0)}).prefetch(); for (auto& [images, labels] : batches.epoch(0)) … //
//     u8[32,64,64,3], i32[32]
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <gradus/data/batches.h>
#include <gradus/runtime/error.h>
#include <gradus/tensor.h>

namespace gradus::data {

/// Decodes a PNG, JPEG or PNM (P5, P6) file, as it lies in the file: an orientation noted beside
/// the samples is not applied. `channels`: 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha,
/// converted where the file has others; 0: the file's. Samples of 16 bits become 8. Throws
/// DataError, naming the file, if it is missing, no such picture, damaged in any part that its
/// format can tell, or larger than 2^26 pixels; ValueError for another number of channels.
Tensor read_image(const std::string& path, int channels = 0, SourcePos where = SourcePos::here());
/// The same for a file in memory; `name` stands for it in messages.
Tensor decode_image(std::string_view bytes, int channels = 0, const std::string& name = "image",
                    SourcePos where = SourcePos::here());

/// u8[h,w,c] -> u8[height,width,c]. Each result is a mean of the samples around its place, weighted
/// by a triangle that is one sample wide on each side, or, where the picture shrinks, one result
/// wide; so nothing is left out. ShapeError unless the rank is 3 and both sizes are at least 1.
Tensor resize_image(const Tensor& image, int64_t height, int64_t width,
                    SourcePos where = SourcePos::here());

struct ImageOptions {
  int channels = 0;               // 0: those of the first picture
  int64_t height = 0, width = 0;  // all are resized to these; 0: all must have one size
};

/// A picture with its class.
struct LabelledPicture {
  Tensor image;  // u8[height,width,channels]
  Tensor label;  // i32[]: a place in ImageFolder::classes()
};

/// Pictures in folders, one for each class: FOLDER/CLASS/*.png, .jpg, .jpeg, .ppm, .pgm or .pnm (in
/// any case). Classes and files are sorted by the bytes of their names, so that the order is the
/// same everywhere; hidden files and files of other kinds do not count. Only names are kept in
/// memory: a picture is read when it is asked for.
class ImageFolder {
 public:
  /// Throws DataError if the folder cannot be read, has no sub-folder, or one without a picture.
  explicit ImageFolder(const std::string& path, const ImageOptions& options = {},
                       SourcePos where = SourcePos::here());

  int64_t size() const { return static_cast<int64_t>(files_.size()); }
  const std::vector<std::string>& classes() const { return classes_; }
  /// ValueError for an item that is not there.
  const std::string& path(int64_t i) const { return file(i).path; }
  int32_t label(int64_t i) const { return file(i).label; }

  /// The same, and DataError as read_image(), or for a picture of another size than the first if
  /// no size is asked for.
  LabelledPicture operator[](int64_t i) const;

 private:
  struct File {
    std::string path;
    int32_t label;
  };
  const File& file(int64_t i) const;

  std::vector<std::string> classes_;
  std::vector<File> files_;
  ImageOptions options_;
  Shape shape_;  // of all
  SourcePos where_;
};

/// Batches of pictures: u8[n,height,width,channels] and i32[n].
Batches<LabelledPicture> batches(const ImageFolder& folder, Batching batching);

}  // namespace gradus::data
