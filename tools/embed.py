"""Makes C of files: embed.py OUT.c HEADER NAME=FILE... gives arrays `const unsigned char NAME[]`, each
with a NUL behind its `const size_t NAME_size` bytes, as HEADER declares them."""
import sys


def array(name, path):
    with open(path, "rb") as file:
        data = file.read()
    rows = (data[at:at + 24] for at in range(0, len(data), 24))
    text = "\n".join("    " + " ".join(f"{byte}," for byte in row) for row in rows)
    return (f"const size_t {name}_size = {len(data)};\n"
            f"const unsigned char {name}[{len(data) + 1}] = {{\n{text}\n    0,\n}};\n")


def main(out, header, *pieces):
    parts = [f'#include <stddef.h>\n\n#include "{header}"\n']
    parts += [array(*piece.split("=", 1)) for piece in pieces]
    with open(out, "w", encoding="ascii") as file:
        file.write("\n".join(parts))


if __name__ == "__main__":
    main(*sys.argv[1:])
