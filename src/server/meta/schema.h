/* The files of schemas/catalog/, as they are in the library. */
#ifndef SERVER_META_SCHEMA_H
#define SERVER_META_SCHEMA_H

#include <stddef.h>

/* Made by tools/embed.py: text with a NUL behind it. */
extern const unsigned char vdt_schema_0001[];
extern const size_t vdt_schema_0001_size;
extern const unsigned char vdt_schema_0002[];
extern const size_t vdt_schema_0002_size;
extern const unsigned char vdt_schema_0003[];
extern const size_t vdt_schema_0003_size;
extern const unsigned char vdt_schema_0004[];
extern const size_t vdt_schema_0004_size;

#endif
