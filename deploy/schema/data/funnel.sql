-- SPDX-License-Identifier: Apache-2.0
-- The way from the dial to a pass, by screens of menus/coko/flow.json.
insert into ops.funnel_step (no, name, screens) values
    (1, 'dial', '{}'),
    (2, 'choose', '{discover,list_new,list_popular,genres,list_genre,search,list_found}'),
    (3, 'book', '{book,summary}'),
    (4, 'read', '{read}'),
    (5, 'locked', '{locked,pass_none}'),
    (6, 'offers', '{offers}'),
    (7, 'confirm', '{confirm}'),
    (8, 'asked', '{pay_sent}')
on conflict (no) do update set name = excluded.name, screens = excluded.screens;
