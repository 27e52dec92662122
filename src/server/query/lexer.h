/* Words of CQL2 text. Private to query/. */
#ifndef SERVER_QUERY_LEXER_H
#define SERVER_QUERY_LEXER_H

#include <stdbool.h>
#include <stddef.h>
#include <vedatile/error.h>

enum vdt_word {
    VDT_WORD_END,
    VDT_WORD_NAME,   /* a name or keyword: text */
    VDT_WORD_QUOTED, /* a name in double quotes: text */
    VDT_WORD_TEXT,   /* a literal: text */
    VDT_WORD_NUMBER, /* number */
    VDT_WORD_SIGN    /* ( ) , = < > or two of the last: text */
};

struct vdt_lexer {
    const char *start, *at; /* the filter, and behind the word */
    size_t size;
    enum vdt_word word;
    size_t place; /* of the word in the filter, in bytes */
    char *text;   /* of the word, unescaped; owned by the lexer */
    size_t capacity;
    double number;
};

/* Takes a text of valid UTF-8, which is borrowed, and reads its first word. */
vdt_status vdt_lexer_open(struct vdt_lexer *lexer, const char *text, struct vdt_error *error);
vdt_status vdt_lexer_next(struct vdt_lexer *lexer, struct vdt_error *error);
void vdt_lexer_close(struct vdt_lexer *lexer);

/* The word is this keyword, in any case; or this sign. */
bool vdt_lexer_is(const struct vdt_lexer *lexer, const char *keyword);
bool vdt_lexer_is_sign(const struct vdt_lexer *lexer, const char *sign);

/* Fails with ARGUMENT: what was expected at the word, and what is there. */
vdt_status vdt_lexer_expected(const struct vdt_lexer *lexer, const char *what,
                              struct vdt_error *error);

/* Whether a name can stand without quotes. */
bool vdt_lexer_plain_name(const char *name);

#endif
