#include "cpp/tools/io/png.hpp"

#include <fmt/format.h>
#include <png.h>

#include <bit>
#include <csetjmp>
#include <cstring>
#include <new>
#include <utility>

#include "cpp/tools/io/file_error.hpp"
#include "cpp/tools/io/input_file.hpp"
#include "cpp/tools/io/warning.hpp"

namespace faltung::tools {
namespace {

/// More rows or columns than any picture has; libpng itself allows a million.
constexpr png_uint_32 side_limit = 1'000'000;

/// What libpng's callbacks see. Everything with a destructor lives here or further out, because
/// libpng leaves its functions by longjmp, which skips destructors.
struct Context {
  std::span<const std::byte> input;
  std::vector<std::byte> output;
  std::size_t stored_row_bytes = 0;  ///< of the header read, before samples are expanded
  char message[200] = "damaged";
};

void on_error(png_structp png, png_const_charp message) {
  auto& context = *static_cast<Context*>(png_get_error_ptr(png));
  std::strncpy(context.message, message, sizeof context.message - 1);
  png_longjmp(png, 1);
}

void on_warning(png_structp, png_const_charp) {}

void on_read(png_structp png, png_bytep target, png_size_t bytes) {
  auto& context = *static_cast<Context*>(png_get_io_ptr(png));
  if (bytes > context.input.size()) png_error(png, "the file is cut short");
  std::memcpy(target, context.input.data(), bytes);
  context.input = context.input.subspan(bytes);
}

void on_write(png_structp png, png_bytep source, png_size_t bytes) {
  auto& context = *static_cast<Context*>(png_get_io_ptr(png));
  bool stored = false;
  try {
    const auto* first = reinterpret_cast<const std::byte*>(source);
    context.output.insert(context.output.end(), first, first + bytes);
    stored = true;
  } catch (const std::bad_alloc&) {  // must not pass through libpng's frames
  }
  if (!stored) png_error(png, "memory ran out");
}

void on_flush(png_structp) {}

/// A libpng reading struct and its info, destroyed together.
struct Reader {
  explicit Reader(Context& context)
      : png(png_create_read_struct(PNG_LIBPNG_VER_STRING, &context, on_error, on_warning)),
        info(png != nullptr ? png_create_info_struct(png) : nullptr) {
    if (info == nullptr) throw std::bad_alloc();
    png_set_read_fn(png, &context, on_read);
    png_set_user_limits(png, side_limit, side_limit);
    png_set_chunk_malloc_max(png, 8u << 20);
    png_set_chunk_cache_max(png, 128);
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() { png_destroy_read_struct(&png, info != nullptr ? &info : nullptr, nullptr); }
  png_structp png;
  png_infop info;
};

struct Writer {
  explicit Writer(Context& context)
      : png(png_create_write_struct(PNG_LIBPNG_VER_STRING, &context, on_error, on_warning)),
        info(png != nullptr ? png_create_info_struct(png) : nullptr) {
    if (info == nullptr) throw std::bad_alloc();
    png_set_write_fn(png, &context, on_write, on_flush);
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() { png_destroy_write_struct(&png, info != nullptr ? &info : nullptr); }
  png_structp png;
  png_infop info;
};

/// Reads up to the samples and asks for them as documented in png.hpp. False after an error.
bool read_header(const Reader& reader, Context& context) {
  if (setjmp(png_jmpbuf(reader.png)) != 0) return false;
  png_read_info(reader.png, reader.info);
  context.stored_row_bytes = png_get_rowbytes(reader.png, reader.info);
  png_set_expand(reader.png);
  if (std::endian::native == std::endian::little) png_set_swap(reader.png);
  png_set_interlace_handling(reader.png);
  png_read_update_info(reader.png, reader.info);
  return true;
}

bool read_rows(const Reader& reader, png_bytepp rows) {
  if (setjmp(png_jmpbuf(reader.png)) != 0) return false;
  png_read_image(reader.png, rows);
  png_read_end(reader.png, nullptr);
  return true;
}

bool write_rows(const Writer& writer, const Shape& shape, int bits, int color, png_bytepp rows) {
  if (setjmp(png_jmpbuf(writer.png)) != 0) return false;
  png_set_user_limits(writer.png, side_limit, side_limit);
  png_set_IHDR(writer.png, writer.info, static_cast<png_uint_32>(shape[1]),
               static_cast<png_uint_32>(shape[0]), bits, color, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(writer.png, writer.info);
  if (std::endian::native == std::endian::little) png_set_swap(writer.png);
  png_write_image(writer.png, rows);
  png_write_end(writer.png, writer.info);
  return true;
}

std::vector<png_bytep> row_pointers(std::byte* samples, std::int64_t rows, std::size_t row_bytes) {
  std::vector<png_bytep> pointers(static_cast<std::size_t>(rows));
  for (png_bytep& pointer : pointers) {
    pointer = reinterpret_cast<png_bytep>(samples);
    samples += row_bytes;
  }
  return pointers;
}

/// Deflate makes at most 1032 bytes of one (zlib's technical details), so a file that claims more
/// lies, and no memory is taken for it.
void check_claim(const Shape& shape, std::size_t stored_row_bytes, std::size_t file_bytes,
                 const std::string& name) {
  // At most 1e6 rows of at most 8e6 bytes: no overflow.
  if (static_cast<std::size_t>(shape[0]) * stored_row_bytes > 1032 * file_bytes) {
    throw FileError(name, fmt::format("claims {} x {} pixels, more than {} bytes can hold",
                                      shape[1], shape[0], file_bytes));
  }
}

}  // namespace

Tensor decode_png(std::span<const std::byte> file, const std::string& name,
                  std::size_t* trailing_bytes) {
  Context context;
  context.input = file;
  if (file.size() < 8 || png_sig_cmp(reinterpret_cast<png_const_bytep>(file.data()), 0, 8) != 0) {
    throw FileError(name, "byte 0: not a PNG file");
  }
  const Reader reader(context);
  if (!read_header(reader, context)) throw FileError(name, context.message);
  const Shape shape{png_get_image_height(reader.png, reader.info),
                    png_get_image_width(reader.png, reader.info),
                    png_get_channels(reader.png, reader.info)};
  check_claim(shape, context.stored_row_bytes, file.size(), name);
  Tensor samples(png_get_bit_depth(reader.png, reader.info) == 16 ? u16 : u8, shape);
  auto rows = row_pointers(static_cast<std::byte*>(samples.data()), shape[0],
                           png_get_rowbytes(reader.png, reader.info));
  if (!read_rows(reader, rows.data())) throw FileError(name, context.message);
  if (trailing_bytes != nullptr) *trailing_bytes = context.input.size();
  return samples;
}

Tensor read_png(const std::string& path) {
  const std::vector<std::byte> file = InputFile(path).read_all();
  std::size_t trailing = 0;
  Tensor samples = decode_png(file, path, &trailing);
  if (trailing > 0) {
    warn(path, fmt::format("byte {}: {} bytes follow the end of the picture and are not read",
                           file.size() - trailing, trailing));
  }
  return samples;
}

std::vector<std::byte> encode_png(const Tensor& samples, const std::string& name) {
  constexpr int colors[] = {PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB,
                            PNG_COLOR_TYPE_RGB_ALPHA};
  const Shape& shape = samples.shape();
  const bool fits = shape.size() == 3 && shape[2] >= 1 && shape[2] <= 4 && shape[0] >= 1 &&
                    shape[1] >= 1 && shape[0] <= side_limit && shape[1] <= side_limit;
  if (!fits || (samples.dtype() != u8 && samples.dtype() != u16)) {
    throw FileError(name, fmt::format("cannot be written: PNG takes u8 or u16 samples of 1 to {} "
                                      "rows and columns and 1 to 4 channels",
                                      side_limit));
  }
  const std::size_t row_bytes =
      static_cast<std::size_t>(shape[1] * shape[2]) * size_of(samples.dtype());
  // libpng's interface is not const, but only reads the rows.
  auto* data = static_cast<std::byte*>(const_cast<void*>(samples.data()));
  auto rows = row_pointers(data, shape[0], row_bytes);
  Context context;
  const Writer writer(context);
  const int bits = samples.dtype() == u8 ? 8 : 16;
  if (!write_rows(writer, shape, bits, colors[shape[2] - 1], rows.data())) {
    throw FileError(name, context.message);
  }
  return std::move(context.output);
}

}  // namespace faltung::tools
