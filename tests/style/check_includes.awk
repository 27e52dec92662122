# Fails when a file includes what its folder may not.
# usage: awk -f check_includes.awk src/folders.txt FILE...     (paths from the source folder)
#
# src/<folder>    its own folder, those of its line in folders.txt, <vedatile/...>, the C and POSIX
#                 headers below, and third-party headers that its line owns
# include/        itself and the first few C headers
# tools/          of ours only <vedatile/...> and the tool's own files
BEGIN {
    plain = " stdbool.h stddef.h stdint.h "
    standard = plain "arpa/inet.h assert.h ctype.h dirent.h endian.h errno.h fcntl.h float.h ftw.h immintrin.h " \
        "inttypes.h limits.h linux/tcp.h locale.h math.h netdb.h netinet/in.h netinet/tcp.h poll.h pthread.h sched.h " \
        "signal.h spawn.h stdalign.h stdarg.h stdatomic.h stdio.h stdlib.h string.h strings.h time.h unistd.h "
}
FILENAME ~ /folders\.txt$/ {
    if ($0 !~ /^#/ && NF == 3) {
        may[$1] = "," $1 "," $2 ","
        n = split($3, own, ",")
        for (i = 1; i <= n; i++)
            if (own[i] != "-") {
                before = own[i] in owner ? owner[own[i]] "," : ""
                owner[own[i]] = before $1
            }
    }
    next
}
FNR == 1 {
    name = FILENAME
    sub(/^\.\//, "", name)
    split(name, path, "/")
    folder = path[1] == "src" ? path[2] : ""
    if (folder != "" && !(folder in may))
        complain("src/" folder "/ is not in src/folders.txt")
}
match($0, /^[ \t]*#[ \t]*include[ \t]*["<]/) {
    header = substr($0, RLENGTH + 1)
    sub(/[">].*/, "", header)
    quoted = substr($0, RLENGTH, 1) == "\""
    pieces = split(header, piece, "/")
    if (piece[1] == "..")
        complain("write includes from a root, not from " piece[1] "/")
    else if (path[1] == "src")
        check_source()
    else if (path[1] == "include")
        check_public()
    else if (piece[1] in may && pieces > 1)
        complain(path[1] "/ may not include src/" piece[1] "/")
}
function check_source(    lib) {
    if (piece[1] == "vedatile")
        return
    if (quoted || (piece[1] in may && pieces > 1)) {
        if (index(may[folder], "," piece[1] ",") == 0 || pieces < 2)
            complain(folder "/ may not include " header)
        return
    }
    if (index(standard, " " header " ") > 0 || header ~ /^sys\//)
        return
    for (lib in owner)
        if (index(header, lib) == 1) {
            if (index("," owner[lib] ",", "," folder ",") == 0)
                complain(lib " headers belong to " owner[lib] "/")
            return
        }
    complain("no folder owns " header)
}
function check_public() {
    if (piece[1] != "vedatile" && index(plain, " " header " ") == 0)
        complain("a public header may not include " header)
}
function complain(why) {
    printf "%s:%d: %s\n", FILENAME, FNR, why
    bad = 1
}
END { exit bad }
