/* The pixels of a polygon as COCO has them: pycocotools' own rule, which is neither GDAL's nor that
 * of pixel middles. Private to eval/. No I/O. */
#ifndef EVAL_TRACE_H
#define EVAL_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Memory of one thread, used again; {0} is empty. */
struct vdt_trace {
    uint32_t *crossings;
    size_t count, capacity;
    uint32_t *sorted;
    size_t sorted_capacity;
    uint32_t *columns; /* where each column begins in `sorted` */
    size_t column_capacity;
    uint32_t *runs; /* the result */
    size_t run_count, run_capacity;
};
void vdt_trace_clear(struct vdt_trace *trace);

/* Runs of a ring in a mask of rows x cols, below 2^32 pixels. Coordinates are finite and within
 * 2^27. False when memory is out. */
bool vdt_trace_ring(struct vdt_trace *trace, const double (*points)[2], size_t count, uint32_t rows,
                    uint32_t cols);

#endif
