/* The files of the page, in the library. Made by tools/embed.py. */
#ifndef SERVER_PAGE_ASSETS_H
#define SERVER_PAGE_ASSETS_H

#include <stddef.h>

/* X(name of the file in assets/, type, word): meson.build names the same files. The first
 * is the page itself. */
#define VDT_PAGE_ASSETS(X)                                          \
    X("index.html", "text/html; charset=utf-8", index_html)         \
    X("LICENSES.txt", "text/plain; charset=utf-8", LICENSES_txt)    \
    X("account.js", "text/javascript; charset=utf-8", account_js)   \
    X("api.js", "text/javascript; charset=utf-8", api_js)           \
    X("browse.js", "text/javascript; charset=utf-8", browse_js)     \
    X("charts.js", "text/javascript; charset=utf-8", charts_js)     \
    X("dom.js", "text/javascript; charset=utf-8", dom_js)           \
    X("entry.js", "text/javascript; charset=utf-8", entry_js)       \
    X("gallery.js", "text/javascript; charset=utf-8", gallery_js)   \
    X("icon.svg", "image/svg+xml", icon_svg)                        \
    X("land-110m.json", "application/json", land_110m_json)         \
    X("land.js", "text/javascript; charset=utf-8", land_js)         \
    X("main.js", "text/javascript; charset=utf-8", main_js)         \
    X("map.js", "text/javascript; charset=utf-8", map_js)           \
    X("palette.js", "text/javascript; charset=utf-8", palette_js)   \
    X("png.js", "text/javascript; charset=utf-8", png_js)           \
    X("releases.js", "text/javascript; charset=utf-8", releases_js) \
    X("runs.js", "text/javascript; charset=utf-8", runs_js)         \
    X("sample.js", "text/javascript; charset=utf-8", sample_js)     \
    X("style.css", "text/css; charset=utf-8", style_css)            \
    X("tile.js", "text/javascript; charset=utf-8", tile_js)

#define VDT_PAGE_DECLARE(name, type, word)        \
    extern const unsigned char vdt_page_##word[]; \
    extern const size_t vdt_page_##word##_size;

VDT_PAGE_ASSETS(VDT_PAGE_DECLARE)

/* schemas/openapi.json */
VDT_PAGE_DECLARE(, , openapi)

#endif
