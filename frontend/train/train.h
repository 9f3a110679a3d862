// Training: the loop, its callbacks, and looking at what comes out.
#pragma once

#include <gradus/train/callbacks.h>
#include <gradus/train/history.h>
#include <gradus/train/image.h>
#include <gradus/train/loop.h>
#include <gradus/train/metrics.h>
#include <gradus/train/plot.h>
