/* Everything: georeferenced imagery and vector labels -> stores -> batches. */
#ifndef VEDATILE_VEDATILE_H
#define VEDATILE_VEDATILE_H

#include "vedatile/annotations.h"
#include "vedatile/catalog.h"
#include "vedatile/coco.h"
#include "vedatile/detection.h"
#include "vedatile/diagnosis.h"
#include "vedatile/error.h"
#include "vedatile/evaluation.h"
#include "vedatile/exchange.h"
#include "vedatile/export.h"
#include "vedatile/feed.h"
#include "vedatile/hdf5.h"
#include "vedatile/loader.h"
#include "vedatile/run.h"
#include "vedatile/scene.h"
#include "vedatile/scores.h"
#include "vedatile/server.h"
#include "vedatile/shapes.h"
#include "vedatile/split.h"
#include "vedatile/store.h"
#include "vedatile/types.h"

#endif
