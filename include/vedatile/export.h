/* Visibility and linkage of the public interface. */
#ifndef VEDATILE_EXPORT_H
#define VEDATILE_EXPORT_H

#ifdef __cplusplus
#define VDT_BEGIN_DECLS extern "C" {
#define VDT_END_DECLS }
#else
#define VDT_BEGIN_DECLS
#define VDT_END_DECLS
#endif

#if defined(__GNUC__)
#define VDT_API __attribute__((visibility("default")))
#define VDT_CHECKED __attribute__((warn_unused_result))
#define VDT_PRINTF(text, first) __attribute__((__format__(__printf__, text, first)))
#else
#define VDT_API
#define VDT_CHECKED
#define VDT_PRINTF(text, first)
#endif

#endif
