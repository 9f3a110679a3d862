#include "runtime/zip.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "runtime/deflate.h"
#include "runtime/error.h"

namespace gradus {
namespace {

constexpr uint32_t kLocalHeader = 0x04034b50, kDirectoryEntry = 0x02014b50, kEnd = 0x06054b50,
                   kEnd64 = 0x06064b50, kEnd64Locator = 0x07064b50;
constexpr size_t kLocalBytes = 30, kDirectoryBytes = 46, kEndBytes = 22, kEnd64Bytes = 56,
                 kLocatorBytes = 20, kMostComment = 0xffff;
constexpr uint16_t kExtra64 = 0x0001, kStored = 0, kDeflated = 8;
constexpr uint16_t kEncrypted = 1, kUtf8 = 1 << 11;
constexpr uint64_t kMost16 = 0xffff, kMost32 = 0xffffffff;

[[noreturn]] void fail(const std::string& path, const std::string& what,
                       const std::string& remedy = "fetch or write the file again") {
  throw DataError({.op = "zip", .what = fmt::format("'{}' {}", path, what), .remedy = remedy});
}

// Little-endian numbers, one after another. Reading beyond the end gives 0 and is remembered.
class Fields {
 public:
  explicit Fields(std::string_view bytes) : left_(bytes) {}

  uint16_t u16() { return static_cast<uint16_t>(number(2)); }
  uint32_t u32() { return static_cast<uint32_t>(number(4)); }
  uint64_t u64() { return number(8); }
  std::string_view text(size_t bytes) {
    is_complete_ = is_complete_ && bytes <= left_.size();
    const std::string_view part = left_.substr(0, bytes);
    left_.remove_prefix(part.size());
    return part;
  }
  void skip(size_t bytes) { text(bytes); }
  bool is_complete() const { return is_complete_; }
  bool at_end() const { return left_.empty(); }

 private:
  uint64_t number(size_t bytes) {
    const std::string_view part = text(bytes);
    uint64_t x = 0;
    for (size_t i = part.size(); i-- > 0;)
      x = x << 8 | static_cast<uint8_t>(part[i]);
    return is_complete_ ? x : 0;
  }

  std::string_view left_;
  bool is_complete_ = true;
};

void put(std::string& to, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i)
    to.push_back(static_cast<char>(value >> 8 * i));
}

std::string read_part(const InputFile& file, uint64_t offset, size_t bytes) {
  std::string part(bytes, '\0');
  part.resize(file.read_at(offset, part.data(), bytes));
  return part;
}

struct Directory {
  uint64_t entries = 0, bytes = 0, offset = 0;
};

// From the record of the 64-bit extension, whose locator stands before the end record.
Directory find_directory64(const InputFile& file, uint64_t end) {
  const auto damaged = [&] { fail(file.path(), "is a damaged zip archive: its end is no end"); };
  if (end < kLocatorBytes + kEnd64Bytes) damaged();
  const std::string locator = read_part(file, end - kLocatorBytes, kLocatorBytes);
  Fields where(locator);
  const uint32_t signature = where.u32();
  where.skip(4);
  const uint64_t at = where.u64();
  if (signature != kEnd64Locator || at != end - kLocatorBytes - kEnd64Bytes) damaged();
  const std::string record = read_part(file, at, kEnd64Bytes);
  Fields fields(record);
  if (fields.u32() != kEnd64) damaged();
  fields.skip(8 + 2 + 2);
  if (fields.u32() != 0 || fields.u32() != 0) fail(file.path(), "is one part of a zip archive");
  Directory directory;
  directory.entries = fields.u64();
  if (fields.u64() != directory.entries) damaged();
  directory.bytes = fields.u64();
  directory.offset = fields.u64();
  if (directory.bytes > at || directory.offset != at - directory.bytes) damaged();
  return directory;
}

Directory find_directory(const InputFile& file) {
  const auto tail_bytes = std::min<uint64_t>(file.size(), kEndBytes + kMostComment);
  const uint64_t tail_at = file.size() - tail_bytes;
  const std::string tail = read_part(file, tail_at, static_cast<size_t>(tail_bytes));
  // The last place that looks like an end record whose comment reaches the end of the file.
  for (size_t i = tail.size() < kEndBytes ? 0 : tail.size() - kEndBytes + 1; i-- > 0;) {
    Fields fields(std::string_view(tail).substr(i, kEndBytes));
    if (fields.u32() != kEnd) continue;
    const uint16_t disk = fields.u16(), directory_disk = fields.u16();
    const uint16_t here = fields.u16();
    Directory directory;
    directory.entries = fields.u16();
    directory.bytes = fields.u32();
    directory.offset = fields.u32();
    if (i + kEndBytes + fields.u16() != tail.size()) continue;
    const uint64_t at = tail_at + i;
    if (directory.entries == kMost16 || directory.bytes == kMost32 || directory.offset == kMost32) {
      return find_directory64(file, at);
    }
    if (disk != 0 || directory_disk != 0 || here != directory.entries) {
      fail(file.path(), "is one part of a zip archive");
    }
    if (directory.bytes > at || directory.offset != at - directory.bytes) {
      fail(file.path(), "is a damaged zip archive: its directory is not where its end says");
    }
    return directory;
  }
  fail(file.path(), "is no zip archive, or its end is missing");
}

// What does not fit in 32 bits stands in an extra field, in this order.
bool read_extra64(std::string_view extra, ZipEntry& entry, uint64_t& local) {
  const bool wanted = entry.bytes == kMost32 || entry.packed_bytes == kMost32 || local == kMost32;
  Fields fields(extra);
  while (!fields.at_end() && fields.is_complete()) {
    const uint16_t id = fields.u16();
    const std::string_view body = fields.text(fields.u16());
    if (id != kExtra64 || !wanted) continue;
    Fields numbers(body);
    for (uint64_t* x : {&entry.bytes, &entry.packed_bytes, &local}) {
      if (*x == kMost32) *x = numbers.u64();
    }
    return numbers.is_complete();
  }
  return !wanted;
}

// An entry of the directory; `local` is where its header begins.
ZipEntry read_entry(const InputFile& file, Fields& fields, uint64_t& local) {
  if (fields.u32() != kDirectoryEntry) {
    fail(file.path(), "is a damaged zip archive: its directory is cut off or none");
  }
  ZipEntry entry;
  fields.skip(4);
  const uint16_t flags = fields.u16(), method = fields.u16();
  fields.skip(4);
  entry.crc = fields.u32();
  entry.packed_bytes = fields.u32();
  entry.bytes = fields.u32();
  const uint16_t name = fields.u16(), extra = fields.u16(), comment = fields.u16();
  fields.skip(2 + 2 + 4);
  local = fields.u32();
  entry.name = fields.text(name);
  const std::string_view extra_fields = fields.text(extra);
  fields.skip(comment);
  if (!fields.is_complete() || !read_extra64(extra_fields, entry, local)) {
    fail(file.path(), "is a damaged zip archive: its directory is cut off or none");
  }
  const auto reject = [&](const std::string& what, const std::string& remedy) {
    fail(file.path(), fmt::format("has an entry '{}' that {}", entry.name, what), remedy);
  };
  const std::string again = "fetch or write the file again";
  if (flags & kEncrypted) reject("is encrypted", "write it without a password");
  if (method != kStored && method != kDeflated) {
    reject(fmt::format("is packed by method {}, expected 0 (stored) or 8 (deflated)", method),
           "write it with one of these");
  }
  entry.is_deflated = method == kDeflated;
  if (!entry.is_deflated && entry.bytes != entry.packed_bytes) {
    reject(fmt::format("has two sizes; got {} and {} bytes", entry.packed_bytes, entry.bytes),
           again);
  }
  if (entry.is_deflated && entry.bytes / kMostInflation > entry.packed_bytes) {
    reject(fmt::format("says that {} packed bytes hold {}, which is impossible", entry.packed_bytes,
                       entry.bytes),
           again);
  }
  return entry;
}

// The content that read() hands out, checked when its last byte is.
class EntrySource final : public ByteSource {
 public:
  EntrySource(const InputFile& file, const ZipEntry& entry)
      : path_(file.path()),
        entry_(entry),
        packed_(file, entry.offset, entry.packed_bytes),
        inflater_(packed_, Inflater::Wrapping::None) {
    if (entry.bytes == 0) check_end();
  }

  size_t read(void* to, size_t bytes) override {
    bytes = static_cast<size_t>(std::min<uint64_t>(bytes, entry_.bytes - done_));
    if (bytes == 0) return 0;
    const size_t n = source_read(to, bytes);
    crc_ = crc32_of({static_cast<const char*>(to), n}, crc_);
    done_ += n;
    if (n < bytes)
      reject(fmt::format("is cut off; got {} bytes, expected {}", done_, entry_.bytes));
    if (done_ == entry_.bytes) check_end();
    return n;
  }

 private:
  size_t source_read(void* to, size_t bytes) {
    if (!entry_.is_deflated) return packed_.read(to, bytes);
    try {
      return inflater_.read(to, bytes);
    } catch (const DataError& e) {
      reject(fmt::format("cannot be unpacked: {}", e.message().what));
    }
  }
  void check_end() {
    char more;
    if (source_read(&more, 1) != 0) reject(fmt::format("unpacks to more than {} bytes", done_));
    if (crc_ != entry_.crc) {
      reject(fmt::format("is damaged; its checksum is {:08x}, expected {:08x}", crc_, entry_.crc));
    }
  }
  [[noreturn]] void reject(const std::string& what) const {
    fail(path_, fmt::format("has an entry '{}' that {}", entry_.name, what));
  }

  const std::string& path_;
  const ZipEntry entry_;
  FilePart packed_;
  Inflater inflater_;
  uint64_t done_ = 0;
  uint32_t crc_ = 0;
};

uint64_t size_of_pieces(const std::vector<std::string_view>& pieces) {
  return std::accumulate(pieces.begin(), pieces.end(), uint64_t{0},
                         [](uint64_t sum, std::string_view piece) { return sum + piece.size(); });
}

// The fields that both headers of an entry share, sizes included.
void put_common(std::string& to, const ZipEntry& entry, bool is_wide) {
  // 1980-01-01, the first day of this calendar: equal contents make equal files.
  constexpr uint32_t kTime = 0x00210000;
  put(to, is_wide ? 45 : 20, 2);  // version needed
  put(to, kUtf8, 2);
  put(to, entry.is_deflated ? kDeflated : kStored, 2);
  put(to, kTime, 4);
  put(to, entry.crc, 4);
  put(to, is_wide ? kMost32 : entry.packed_bytes, 4);
  put(to, is_wide ? kMost32 : entry.bytes, 4);
  put(to, entry.name.size(), 2);
}

bool has_wide_size(const ZipEntry& entry) {
  return entry.bytes >= kMost32 || entry.packed_bytes >= kMost32;
}

std::string directory_entry(const ZipEntry& entry) {
  const bool is_wide = has_wide_size(entry), is_far = entry.offset >= kMost32;
  std::string extra;
  if (is_wide || is_far) {
    put(extra, kExtra64, 2);
    put(extra, (is_wide ? 16 : 0) + (is_far ? 8 : 0), 2);
    if (is_wide) put(extra, entry.bytes, 8);
    if (is_wide) put(extra, entry.packed_bytes, 8);
    if (is_far) put(extra, entry.offset, 8);
  }
  std::string header;
  put(header, kDirectoryEntry, 4);
  put(header, 0x0300 | 45, 2);  // made on Unix
  put_common(header, entry, is_wide);
  put(header, extra.size(), 2);
  put(header, 0, 2 + 2 + 2);                // no comment, first disk, binary
  put(header, 0x81800000 | 0644 << 16, 4);  // a file that all may read
  put(header, is_far ? kMost32 : entry.offset, 4);
  return header + entry.name + extra;
}

std::string end_records(uint64_t entries, uint64_t bytes, uint64_t offset) {
  std::string end;
  if (entries >= kMost16 || bytes >= kMost32 || offset >= kMost32) {
    put(end, kEnd64, 4);
    put(end, kEnd64Bytes - 12, 8);
    put(end, 45 | 45 << 16, 4);
    put(end, 0, 4 + 4);
    for (const uint64_t x : {entries, entries, bytes, offset})
      put(end, x, 8);
    put(end, kEnd64Locator, 4);
    put(end, 0, 4);
    put(end, offset + bytes, 8);
    put(end, 1, 4);
  }
  put(end, kEnd, 4);
  put(end, 0, 2 + 2);
  put(end, std::min(entries, kMost16), 2);
  put(end, std::min(entries, kMost16), 2);
  put(end, std::min(bytes, kMost32), 4);
  put(end, std::min(offset, kMost32), 4);
  put(end, 0, 2);
  return end;
}

}  // namespace

ZipReader::ZipReader(const std::string& path) : file_(path) {
  const Directory directory = find_directory(file_);
  if (directory.entries > directory.bytes / kDirectoryBytes) {
    fail(path, "is a damaged zip archive: its directory is cut off or none");
  }
  const std::string text = read_part(file_, directory.offset, static_cast<size_t>(directory.bytes));
  Fields fields(text);
  struct Extent {
    uint64_t first, end;
    size_t entry;
  };
  std::vector<Extent> extents;
  std::set<std::string_view> names;
  entries_.reserve(static_cast<size_t>(directory.entries));
  for (uint64_t i = 0; i < directory.entries; ++i) {
    uint64_t local = 0;
    ZipEntry entry = read_entry(file_, fields, local);
    const std::string header = local < directory.offset ? read_part(file_, local, kLocalBytes) : "";
    Fields own(header);
    const bool has_header = own.u32() == kLocalHeader;
    own.skip(22);
    const size_t name = own.u16(), extra = own.u16();
    entry.offset = local + kLocalBytes + name + extra;
    if (!has_header || !own.is_complete() || entry.offset > directory.offset ||
        entry.packed_bytes > directory.offset - entry.offset ||
        read_part(file_, local + kLocalBytes, name) != entry.name) {
      fail(path, fmt::format("has an entry '{}' that is not where the directory says", entry.name));
    }
    extents.push_back({local, entry.offset + entry.packed_bytes, entries_.size()});
    entries_.push_back(std::move(entry));
    if (!names.insert(entries_.back().name).second) {
      fail(path, fmt::format("has the entry '{}' twice", entries_.back().name));
    }
  }
  if (!fields.at_end()) {
    fail(path, "is a damaged zip archive: its directory has more entries than its end says");
  }
  std::sort(extents.begin(), extents.end(),
            [](const Extent& a, const Extent& b) { return a.first < b.first; });
  for (size_t i = 1; i < extents.size(); ++i) {
    if (extents[i].first >= extents[i - 1].end) continue;
    fail(path, fmt::format("has entries '{}' and '{}' that share bytes",
                           entries_[extents[i - 1].entry].name, entries_[extents[i].entry].name));
  }
}

std::unique_ptr<ByteSource> ZipReader::open(const ZipEntry& entry) const {
  return std::make_unique<EntrySource>(file_, entry);
}

void ZipWriter::add(const std::string& name, const std::vector<std::string_view>& pieces,
                    bool deflate) {
  GRADUS_CHECK(name.size() <= kMost16);
  ZipEntry entry{.name = name, .offset = end_, .bytes = size_of_pieces(pieces)};
  for (const std::string_view piece : pieces)
    entry.crc = crc32_of(piece, entry.crc);
  std::vector<std::string_view> content = pieces;
  if (deflate) {
    Deflater deflater;
    for (const std::string_view piece : pieces)
      deflater.add(piece);
    owned_.push_back(std::make_unique<std::string>(deflater.finish()));
    content = {*owned_.back()};
    entry.is_deflated = true;
  }
  entry.packed_bytes = size_of_pieces(content);
  owned_.push_back(std::make_unique<std::string>(local_header(entry)));
  content.insert(content.begin(), *owned_.back());
  end_ += size_of_pieces(content);
  entries_.push_back(std::move(entry));
  contents_.push_back(std::move(content));
}

std::string ZipWriter::local_header(const ZipEntry& entry) const {
  const bool is_wide = has_wide_size(entry);
  std::string header;
  put(header, kLocalHeader, 4);
  put_common(header, entry, is_wide);
  put(header, is_wide ? 20 : 0, 2);
  header += entry.name;
  if (is_wide) {
    put(header, kExtra64, 2);
    put(header, 16, 2);
    put(header, entry.bytes, 8);
    put(header, entry.packed_bytes, 8);
  }
  return header;
}

void ZipWriter::write(const std::string& path) const {
  std::vector<std::string_view> pieces;
  std::string directory;
  for (size_t i = 0; i < entries_.size(); ++i) {
    pieces.insert(pieces.end(), contents_[i].begin(), contents_[i].end());
    directory += directory_entry(entries_[i]);
  }
  const std::string end = end_records(entries_.size(), directory.size(), end_);
  pieces.push_back(directory);
  pieces.push_back(end);
  write_file_atomically(path, pieces);
}

}  // namespace gradus
