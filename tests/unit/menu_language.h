/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sound flow with everything that the menu language has beyond menus and lists: amounts, dates and
 * pins, cases with ranges, subflows, an experiment, variations.
 */
#ifndef COKO_TESTS_MENU_LANGUAGE_H
#define COKO_TESTS_MENU_LANGUAGE_H

#include "menus/menu.h"

static const char flow[] =
    "{\n" /* line 1 */
    "\"languages\":[\"fr\"],\"start\":\"dial\",\"home\":\"home\",\n"
    "\"limits\":[{\"charset\":\"gsm7\",\"max\":160}],\n"
    "\"currencies\":{\"XOF\":0,\"GHS\":2},\n"
    "\"variations\":{\"CI\":{\"var\":\"country\",\"is\":\"CI\"},\n" /* 5 */
    "\"two\":{\"var\":\"x\",\"is\":\"b\"}},\n"
    "\"experiments\":{\"order\":{\"var\":\"x\",\"by\":\"hash\",\"variants\":{\"a\":1,\"b\":1}}},\n"
    "\"subflows\":{\"ask\":{\"start\":\"who\",\"params\":[\"q\"],\"result\":\"found\"},\n" /* 8 */
    "\"age\":{\"start\":\"how_old\",\"result\":\"years\"}},\n"
    "\"vars\":{\"lang\":{\"max\":5},\"country\":{\"max\":2,\"caller\":true},\"x\":{\"max\":2},\n"
    "\"hash\":{\"max\":64,\"caller\":true},\"step\":{\"max\":40,\"caller\":true},\n" /* 11 */
    "\"money\":{\"max\":3},\"sum\":{\"max\":10},\"born\":{\"max\":10},\"pin\":{\"max\":4},\n"
    "\"q\":{\"max\":20},\"found\":{\"max\":15},\"years\":{\"max\":3},\"friend\":{\"max\":15},\n"
    "\"n\":{\"max\":3},\"state\":{\"max\":9}},\n"
    "\"screens\":{\n" /* 15 */
    "\"dial\":{\"type\":\"call\",\"action\":\"dial\",\"else\":\"home\"},\n"
    "\"home\":{\"type\":\"menu\",\"text\":\"home\",\"options\":[\n"
    "{\"text\":\"sum\",\"to\":\"sum\"},{\"text\":\"born\",\"to\":\"born\"},\n"
    "{\"text\":\"pin\",\"to\":\"pin\"},{\"text\":\"gift\",\"to\":\"gift\",\"set\":{\"state\":\"\"}},\n"
    "{\"text\":\"slow\",\"to\":\"slow\"},\n" /* 20 */
    "{\"text\":\"extra\",\"to\":\"extra\",\"when\":{\"var\":\"x\",\"is\":\"b\"}}]},\n"
    "\"extra\":{\"type\":\"menu\",\"text\":\"extra\",\"options\":[{\"text\":\"home\",\"to\":\"@back\"}]},\n"
    "\"sum\":{\"type\":\"input\",\"text\":\"sum\",\"var\":\"sum\",\"kind\":\"amount\",\n" /* 23 */
    "\"currency\":\"{money}\",\"min\":100,\"max\":500000,\"to\":\"size\"},\n"
    "\"size\":{\"type\":\"switch\",\"var\":\"sum\",\"cases\":{\"..999\":\"small\",\n" /* 25 */
    "\"1000..9999\":\"middle\"},\"else\":\"big\"},\n"
    "\"small\":{\"type\":\"menu\",\"text\":\"shown\",\"options\":[{\"text\":\"home\",\"to\":\"@home\"}]},\n"
    "\"middle\":{\"type\":\"menu\",\"text\":\"shown\",\"options\":[{\"text\":\"home\",\"to\":\"@home\"}]},\n"
    "\"big\":{\"type\":\"menu\",\"text\":\"shown\",\"options\":[{\"text\":\"home\",\"to\":\"@home\"}]},\n"
    "\"born\":{\"type\":\"input\",\"text\":\"born\",\"var\":\"born\",\"kind\":\"date\",\n" /* 30 */
    "\"earliest\":\"1920-01-01\",\"latest\":\"2020-12-31\",\"to\":\"small\"},\n"
    "\"pin\":{\"type\":\"input\",\"text\":\"pin\",\"var\":\"pin\",\"kind\":\"pin\",\"digits\":4,\n"
    "\"to\":\"check\"},\n"
    "\"check\":{\"type\":\"call\",\"action\":\"check\",\"else\":\"home\"},\n"
    "\"gift\":{\"type\":\"menu\",\"text\":\"gift\",\"options\":[{\"text\":\"who\",\"to\":\"ask_who\"}]},\n"
    "\"ask_who\":{\"type\":\"sub\",\"flow\":\"ask\",\"with\":{\"q\":\"Pour {money}\"},\n" /* 36 */
    "\"var\":\"friend\",\"on\":{\"self|me\":\"small\"},\"else\":\"thanks\"},\n"
    "\"thanks\":{\"type\":\"menu\",\"text\":\"thanks\",\"options\":[{\"text\":\"home\",\"to\":\"@home\"}]},\n"
    "\"who\":{\"type\":\"menu\",\"text\":\"who_is\",\"options\":[\n" /* 39 */
    "{\"text\":\"me\",\"to\":\"@return\",\"set\":{\"found\":\"me\"}},\n"
    "{\"text\":\"other\",\"to\":\"number\"}]},\n"
    "\"number\":{\"type\":\"input\",\"text\":\"number\",\"var\":\"found\",\"kind\":\"msisdn\",\n" /* 42 */
    "\"to\":\"ask_age\"},\n"
    "\"ask_age\":{\"type\":\"sub\",\"flow\":\"age\",\"var\":\"n\",\"on\":{\"..17\":\"number\"},\n" /* 44 */
    "\"else\":\"@return\"},\n"
    "\"how_old\":{\"type\":\"input\",\"text\":\"age\",\"var\":\"years\",\"kind\":\"number\",\n" /* 46 */
    "\"min\":1,\"max\":120,\"to\":\"@return\"},\n"
    "\"slow\":{\"type\":\"call\",\"action\":\"slow\",\"on\":{\"ok\":\"thanks\"},\"else\":\"home\"}}}";

static const char texts[] =
    "{\"nav\":{\"back\":\"Retour\",\"home\":\"Accueil\",\"more\":\"Suite\",\"previous\":\"Avant\"},\n"
    "\"reason\":{\"choice\":\"Non.\",\"empty\":\"Vide.\",\"long\":\"Long.\",\"number\":\"Nombre.\",\n"
    "\"range\":\"Limites.\",\"text\":\"Lettres.\",\"msisdn\":\"Numero.\",\"code\":\"Code.\",\n"
    "\"amount\":\"Montant.\",\"date\":\"Date.\"},\n"
    "\"fail\":{\"busy\":\"Occupe.\",\"down\":\"Panne.\",\"bug\":\"Souci.\",\"gone\":\"Fini.\",\n"
    "\"retry\":\"Encore\",\"wait\":\"Attente.\",\"look\":\"Voir\"},\n"
    "\"screens\":{\"home\":\"Accueil\",\"sum\":\"Somme\",\"born\":\"Date\",\"pin\":\"Code\",\"gift\":\"Cadeau\",\n"
    "\"gift@CI\":\"Cadeau de Cocody\",\"slow\":\"Lent\",\"extra\":\"Plus\",\"extra@two\":\"Encore plus\",\n" /* 8 */
    "\"shown\":\"s {sum} d {born} f {friend}.\",\"who\":\"Qui\",\"thanks\":\"Merci {friend} n {n}\",\n"
    "\"who_is\":\"{q} ?\",\"me\":\"Moi\",\"other\":\"Autre\",\"number\":\"Son numero\",\"age\":\"Son age\"}}";

static const struct menu_file files[] = {
    {"flow.json", {flow, sizeof flow - 1}},
    {"text/fr.json", {texts, sizeof texts - 1}},
    {"actions/dial.sql",
     STR_INIT("-- lane: write\n-- repeat: safe\n-- args: hash\n-- cols: money\nselect $1")},
    {"actions/check.sql", STR_INIT("-- lane: write\n-- args: pin\n-- cols: outcome\nselect $1")},
    {"actions/slow.sql", STR_INIT("-- lane: read\n-- timeout_ms: 1500\n-- retries: 1\n"
                                  "-- args: step friend\n-- cols: outcome friend\n"
                                  "-- outcomes: ok none\nselect $1, $2")},
};

#endif
