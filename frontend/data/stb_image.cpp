// The implementation of stb_image, for the formats of data sets. Hidden, so that a program may have
// another one.
#define STB_IMAGE_IMPLEMENTATION
#define STBI_NO_STDIO
#define STBI_ONLY_PNG
#define STBI_ONLY_JPEG
#define STBI_ONLY_PNM
#pragma GCC visibility push(hidden)
#include <stb/stb_image.h>
#pragma GCC visibility pop
