/* SPDX-License-Identifier: Apache-2.0 */
/* list and map: against a plain array as the model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "gateway/lib/list.h"
#include "gateway/lib/map.h"

struct item {
    int id;
    struct list node;
};

static void order(struct list *head, const char *want)
{
    char got[32];
    size_t n = 0;

    list_for_each(node, head) got[n++] = (char)('0' + container_of(node, struct item, node)->id);
    got[n] = '\0';
    assert_string_equal(got, want);
}

static void lists_keep_order(void **state)
{
    struct list head = LIST_INIT(head), other;
    struct item items[5];

    (void)state;
    list_init(&other);
    for (int i = 0; i < 5; i++) {
        items[i].id = i;
        list_init(&items[i].node);
        assert_false(list_linked(&items[i].node));
    }
    assert_null(list_first(&head, struct item, node));
    assert_null(list_pop_front(&head));
    list_push_back(&head, &items[1].node);
    list_push_back(&head, &items[2].node);
    list_push_front(&head, &items[0].node);
    order(&head, "012");
    assert_ptr_equal(list_first(&head, struct item, node), &items[0]);
    assert_ptr_equal(list_last(&head, struct item, node), &items[2]);
    list_remove(&items[1].node);
    list_remove(&items[1].node); /* twice is harmless */
    order(&head, "02");
    list_push_back(&other, &items[3].node);
    list_push_back(&other, &items[4].node);
    list_splice_back(&head, &other);
    assert_true(list_empty(&other));
    list_splice_back(&head, &other);
    order(&head, "0234");
    list_for_each_safe(node, &head) if (container_of(node, struct item, node)->id % 2 == 0)
        list_remove(node);
    order(&head, "3");
    assert_ptr_equal(list_pop_front(&head), &items[3].node);
    assert_true(list_empty(&head));
}

#define KEYS 500

/* A walk of puts, removals and look-ups; the model is an array. The seed is fixed. */
static void a_map_agrees_with_its_model(void **state)
{
    static int values[KEYS];
    void *model[KEYS] = {NULL};
    struct map m = {0};
    uint32_t seed = 1;
    size_t count = 0;

    (void)state;
    for (int step = 0; step < 50000; step++) {
        char key[16];
        size_t k;
        void *old;

        seed = seed * 1664525 + 1013904223;
        k = seed >> 8 & 0xFFFF;
        k %= KEYS;
        snprintf(key, sizeof(key), "key-%zu", k);
        switch (seed >> 28 & 3) {
        case 0: old = map_remove(&m, str_c(key)); break;
        case 1: old = map_put(&m, str_c(key), &values[step % KEYS]); break;
        default: old = map_get(&m, str_c(key)); break;
        }
        assert_ptr_equal(old, model[k]);
        if ((seed >> 28 & 3) == 0)
            model[k] = NULL;
        else if ((seed >> 28 & 3) == 1)
            model[k] = &values[step % KEYS];
    }
    for (size_t k = 0; k < KEYS; k++)
        count += model[k] != NULL;
    assert_int_equal(m.count, count);
    map_fini(&m);
}

static void keys_are_bytes(void **state)
{
    struct map m;
    struct str key;
    size_t at = 0, seen = 0;
    void *value;
    int a, b, c;

    (void)state;
    map_init(&m);
    assert_null(map_get(&m, STR("x")));
    assert_null(map_remove(&m, STR("x")));
    assert_null(map_put(&m, str_n("a\0b", 3), &a));
    assert_null(map_put(&m, STR("a"), &b));
    assert_null(map_put(&m, STR_EMPTY, &c));
    assert_ptr_equal(map_get(&m, str_n("a\0b", 3)), &a);
    assert_ptr_equal(map_get(&m, STR("a")), &b);
    assert_ptr_equal(map_get(&m, STR_EMPTY), &c);
    assert_ptr_equal(map_put(&m, STR("a"), &c), &b);
    while (map_next(&m, &at, &key, &value))
        seen += 1 + key.n;
    assert_int_equal(seen, 3 + 3 + 1);
    assert_true(map_hash(STR("12345678abc")) == map_hash(STR("12345678abc")));
    assert_true(map_hash(STR("12345678abc")) != map_hash(STR("12345678abd")));
    map_fini(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_keep_order),
        cmocka_unit_test(a_map_agrees_with_its_model),
        cmocka_unit_test(keys_are_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
