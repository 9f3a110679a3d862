// The implementation of stb_image, for the formats of data sets. Hidden, so that a program may have
// another one; what it includes is included before, so as not to be hidden.
#include <assert.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define STB_IMAGE_IMPLEMENTATION
#define STBI_NO_STDIO
#define STBI_ONLY_PNG
#define STBI_ONLY_JPEG
#define STBI_ONLY_PNM
#pragma GCC visibility push(hidden)
#include <stb/stb_image.h>
#pragma GCC visibility pop
