/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line parser: blank, comment, [section], key = value. Every limit is checked before memory is
 * taken, and the arena has a ceiling of its own, so that no text can take more than a few
 * megabytes.
 */
#include "gateway/lib/ini.h"

#include "gateway/lib/utf8.h"

#define INI_NAME_MAX 64

struct parser {
    struct ini *ini;
    struct fault_list *faults;
    struct ini_section *section; /* the open one; NULL at the start and after a bad header */
    bool skipping;               /* a bad header was reported: its entries are not */
    int line;
};

#define complain(p, ...) fault_add((p)->faults, (p)->ini->file, (p)->line, __VA_ARGS__)

static bool name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.' || c == ':';
}

/* Names become metric labels and log fields: a plain alphabet only. */
static bool name_ok(struct str s)
{
    if (s.n == 0 || s.n > INI_NAME_MAX)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (!name_char(s.p[i]))
            return false;
    }
    return true;
}

static struct ini_section *section_find(const struct ini *ini, struct str kind, struct str name)
{
    for (struct ini_section *s = ini->sections; s; s = s->next) {
        if (str_eq(s->kind, kind) && str_eq(s->name, name))
            return s;
    }
    return NULL;
}

static struct ini_entry *entry_find(const struct ini_section *section, struct str key)
{
    for (struct ini_entry *e = section->entries; e; e = e->next) {
        if (str_eq(e->key, key))
            return e;
    }
    return NULL;
}

static struct ini_section *section_new(struct parser *p, struct str kind, struct str name)
{
    struct ini_section *s = arena_zalloc(&p->ini->arena, 1, sizeof(*s));

    if (!s)
        return NULL;
    s->kind = arena_str(&p->ini->arena, kind);
    s->name = arena_str(&p->ini->arena, name);
    if (!s->kind.p || !s->name.p)
        return NULL;
    s->line = p->line;
    s->tail = &s->entries;
    *p->ini->tail = s;
    p->ini->tail = &s->next;
    p->ini->section_count++;
    return s;
}

static int parse_section(struct parser *p, struct str line)
{
    struct ini_section *before;
    struct str kind, name;

    p->section = NULL;
    p->skipping = true;
    if (!str_ends(line, STR("]")))
        return complain(p, "section header without its ]");
    line = str_trim(str_n(line.p + 1, line.n - 2));
    (void)str_cut(line, ' ', &kind, &name);
    name = str_trim(name);
    if (!name_ok(kind) || (name.n && !name_ok(name)))
        return complain(p, "section header is not [kind] or [kind name] of letters, digits, _-.:");
    before = section_find(p->ini, kind, name);
    if (before)
        return complain(p, "section [%" STR_FMT "] stands already at line %d", STR_ARG(line),
                        before->line);
    if (p->ini->section_count == INI_SECTIONS_MAX)
        return complain(p, "more than %d sections", INI_SECTIONS_MAX);
    p->section = section_new(p, kind, name);
    if (!p->section)
        return complain(p, "the file is too large");
    p->skipping = false;
    return 0;
}

/*
 * Strip the quotes of "..." ; inside, \" and \\ stand for themselves. false: a quote is missing or
 * stray.
 */
static bool unquote(struct str *value, char *scratch)
{
    size_t n = 0, i;

    if (value->n == 0 || value->p[0] != '"')
        return true;
    for (i = 1; i < value->n && value->p[i] != '"'; i++) {
        if (value->p[i] == '\\' && i + 1 < value->n &&
            (value->p[i + 1] == '"' || value->p[i + 1] == '\\'))
            i++;
        scratch[n++] = value->p[i];
    }
    if (i + 1 != value->n)
        return false;
    *value = str_n(scratch, n);
    return true;
}

static int entry_new(struct parser *p, struct str key, struct str value)
{
    struct ini_entry *e = arena_zalloc(&p->ini->arena, 1, sizeof(*e));

    if (!e)
        return complain(p, "the file is too large");
    e->key = arena_str(&p->ini->arena, key);
    e->value = arena_str(&p->ini->arena, value);
    if (!e->key.p || !e->value.p)
        return complain(p, "the file is too large");
    e->line = p->line;
    *p->section->tail = e;
    p->section->tail = &e->next;
    p->ini->entry_count++;
    return 0;
}

static int parse_entry(struct parser *p, struct str line)
{
    char scratch[INI_LINE_MAX];
    const struct ini_entry *before;
    struct str key, value;

    if (!str_cut(line, '=', &key, &value))
        return complain(p, "neither [section] nor key = value");
    key = str_trim(key);
    value = str_trim(value);
    if (!name_ok(key))
        return complain(p, "a key is 1-%d letters, digits, _-.:", INI_NAME_MAX);
    if (!p->section)
        return p->skipping ? 0 : complain(p, "a key before any [section]");
    if (!unquote(&value, scratch))
        return complain(p, "quote of \"%" STR_FMT "\" does not end the line", STR_ARG(key));
    before = entry_find(p->section, key);
    if (before)
        return complain(p, "\"%" STR_FMT "\" stands already at line %d", STR_ARG(key),
                        before->line);
    if (p->ini->entry_count == INI_ENTRIES_MAX)
        return complain(p, "more than %d keys", INI_ENTRIES_MAX);
    return entry_new(p, key, value);
}

static bool has_control(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (((unsigned char)s.p[i] < 0x20 && s.p[i] != '\t') || s.p[i] == 0x7F)
            return true;
    }
    return false;
}

static int parse_line(struct parser *p, struct str line)
{
    if (line.n > INI_LINE_MAX)
        return complain(p, "line longer than %d bytes", INI_LINE_MAX);
    if (str_ends(line, STR("\r")))
        line.n--;
    if (!utf8_valid(line))
        return complain(p, "not UTF-8");
    if (has_control(line))
        return complain(p, "control character");
    line = str_trim(line);
    if (line.n == 0 || line.p[0] == ';' || line.p[0] == '#')
        return 0;
    return line.p[0] == '[' ? parse_section(p, line) : parse_entry(p, line);
}

int ini_parse(struct ini *ini, const char *file, struct str text, struct fault_list *faults)
{
    struct parser p = {.ini = ini, .faults = faults};
    struct str line;
    int bad = 0;

    *ini = (struct ini){.file = ""};
    ini->tail = &ini->sections;
    arena_init(&ini->arena, 16384, (size_t)8 * INI_TEXT_MAX);
    ini->file = arena_cstr(&ini->arena, str_head(str_c(file), 1024));
    if (text.n > INI_TEXT_MAX)
        return complain(&p, "larger than %d bytes", INI_TEXT_MAX);
    if (str_starts(text, STR("\xEF\xBB\xBF")))
        text = str_skip(text, 3);
    while (str_split(&text, '\n', &line)) {
        p.line++;
        bad |= parse_line(&p, line);
    }
    return bad;
}

void ini_fini(struct ini *ini)
{
    arena_fini(&ini->arena);
    *ini = (struct ini){.file = ""};
}

struct ini_section *ini_section(const struct ini *ini, const char *kind, const char *name)
{
    return section_find(ini, str_c(kind), str_c(name));
}

struct ini_section *ini_next(const struct ini *ini, const char *kind,
                             const struct ini_section *after)
{
    struct ini_section *s = after ? after->next : ini->sections;

    while (s && !str_eq_c(s->kind, kind))
        s = s->next;
    return s;
}

struct ini_entry *ini_get(const struct ini_section *section, const char *key)
{
    return entry_find(section, str_c(key));
}
