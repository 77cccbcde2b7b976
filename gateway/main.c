/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `coko COMMAND`: one row a command. Exit codes: 0 ok, 1 fault, 2 usage.
 */
#include <stdio.h>
#include <string.h>

#include "gateway/books/child.h"
#include "gateway/commands/commands.h"
#include "gateway/lib/base.h"
#include "gateway/papers/carrier.h"
#include "gateway/papers/invoice.h"

struct command {
    const char *name;
    const char *usage;
    const char *summary;
    const char *help;
    int (*run)(int argc, char **argv); /* argv[0] is the command's name */
};

static const struct command commands[] = {
    {"serve", "[-c FILE]", "run the daemon",
     "Reads FILE (coko.ini), starts the workers, serves until SIGTERM.\n"
     "SIGHUP checks the file again and takes over log_level, renewed certificates, and of each [link]\n"
     "window, rate and burst at once, address, credentials, TLS and timers at its next connection, and\n"
     "the [esme] sections; a broken file is reported and changes nothing; other options want a restart\n"
     "and are logged.\n"
     "Environment variables win over the file. SIGTERM drains and exits 0.\n",
     command_serve},
    {"migrate", "[-c FILE]", "bring the database to this release's schema",
     "Applies migrations, functions, reference data and SMS templates. Safe to run again.\n",
     command_migrate},
    {"check", "[-c FILE] [--print | --options]", "check the configuration",
     "Lists every fault as file:line. --print shows the values in force, secrets masked;\n"
     "--options shows every option with its default and help.\n",
     command_check},
    {"import", "[-c FILE] BOOK...", "bring books into the library",
     "Each BOOK is an .epub or a .txt (deploy/sample/README.md has the format). A book that is\n"
     "there already is replaced under its id; readers keep their places. A broken file is refused\n"
     "with the reason and leaves nothing; the others are imported.\n",
     command_import},
    {"book",
     "deliveries SLUG | author SLUG READER|nobody | fold SLUG keep|cheap|always|language\n"
     "            [-c FILE] [--by NAME]",
     "what became of a book's instalments, and who sees it; how its letters are sent",
     "deliveries: messages and segments by part and state since the book was first sent; no number and\n"
     "no reader. author: the account that sees the same of all books of the author SLUG at\n"
     "/api/v1/author/deliveries; READER is user.id of its log-in over REST. fold: letters that the alphabet of phones lacks stay (keep: a shift\n"
     "table where the route takes it, else UCS-2, about twice the parts), are folded where that\n"
     "saves a part (cheap), or always; language: the rule of the book's language. Audited by name.\n",
     command_book},
    {"menus", "check [DIR] | graph [DIR] [--dot|--json] [--lang L] [--stats [--days N] [-c FILE]]",
     "prove the menus, or draw them",
     "check: every screen fits in every language, is reached, has a way out and its texts; faults\n"
     "as file:line, else the hardest screen under each limit as a phone shows it. graph: the flow as\n"
     "SVG (needs graphviz), as dot or as JSON; --stats: coloured by where readers were lost in the\n"
     "last days (7), from the database. DIR: menus/coko of the data folder.\n",
     command_menus},
    {"smpp", "decode HEX", "show a PDU as two decoders read it",
     "Ours and libsmpp34's side by side; the library runs in a child process.\n", command_smpp},
    {"status", "[-c FILE] [--json]", "what an operator asks first",
     "Accounts and their binds (state, owner, window, rate now and by contract, parts a second, what\n"
     "waits and since when, unknowns), leases, the outbox, receipts that ESMEs have not taken, charges\n"
     "not ended, jobs. Reads the database only: it works from any machine that reaches it; binds are as their owners said\n"
     "within the last seconds.\n",
     command_status},
    {"link", "pause|resume|drain ACCOUNT [-c FILE] [--by NAME] [--wait]",
     "stop or start an account",
     "pause: nothing more is claimed, what was not begun goes back to the outbox, begun messages are\n"
     "ended, the bind stays and hears readers and receipts. drain: the bind is given up as well;\n"
     "--wait returns when it is (1 after a minute). resume: all of it again, under the password and\n"
     "addresses in force. It takes effect within a second, whatever restarts. The audit names the\n"
     "operator: --by, else COKO_OPERATOR, SUDO_USER or USER.\n",
     command_link},
    {"outbox",
     "unknown [ACCOUNT] [--older-than 1h] | requeue|give-up ID...|--account A [--older-than 1h]\n"
     "            [-c FILE] [--by NAME]",
     "decide about messages of unknown outcome",
     "unknown lists what was written to a carrier and never answered, oldest first, at most 1000.\n"
     "requeue sends the whole message once more: the reader may get it twice. It refuses what a\n"
     "receipt or response exists for, what is past its end, and what a STOP has ended. give-up\n"
     "counts it as failed; an instalment gives its text back. One line a message; 1 when any was\n"
     "refused. Each decision is a row of ops.audit with the operator's name (--by, as in coko link).\n",
     command_outbox},
    {"vouchers",
     "make PLAN COUNT [--country CC] [--amount MINOR] [--days 365] [--note TEXT] | close BATCH | list\n"
     "            [-c FILE] [--by NAME]",
     "codes on paper that become a pass",
     "make: COUNT codes (at most 10,000) for the pass PLAN, printed once, one a line; the database has\n"
     "their keyed hashes alone. --amount: what who sells them owes for each that is redeemed, in minor\n"
     "units of the country's currency, VAT included. close: codes of BATCH that were not redeemed never\n"
     "will be. list: batches, how many of each were redeemed, what is owed. Audited by name.\n",
     command_vouchers},
    {"charges",
     "list [open|unknown|review|last|STATE] | show CHARGE | poll CHARGE\n"
     "            | decide CHARGE grant|credit|dismiss --reason TEXT\n"
     "            | refund CHARGE [AMOUNT] --reason TEXT [--by-hand] | refunds | approve|refuse REFUND\n"
     "            | made REFUND RAIL_ID | not-made REFUND --reason TEXT\n"
     "            [-c FILE] [--by NAME] [--key-file FILE] [--max N]",
     "payments: see them, ask the rail again, decide, give back",
     "CHARGE: its id, our reference (its first eight characters, as an SMS has them) or the rail's id\n"
     "of the transaction. list: what is open, the oldest first. show: everything that happened to it, in\n"
     "the order of time (UTC); no number. poll: the next question to the rail is due now. decide ends a\n"
     "review: grant what was paid for, make it the payer's credit, or dismiss it when nothing came.\n"
     "refund: all that may go back, or AMOUNT in minor units; another person approves it; the rail then\n"
     "makes it. --by-hand: you make it at the rail's back office once it is approved, and tell its id\n"
     "there with made, or why it could not be. Whoever decides, asks, approves or tells proves himself\n"
     "with his own key (coko staff), typed at the terminal, from --key-file, or as a line of standard\n"
     "input; the same person does not approve what he asked for. All of it is in ops.audit.\n",
     command_charges},
    {"staff",
     "join NAME --country CC | vouch NAME | close NAME | list [-c FILE] [--by NAME] [--key-file FILE]",
     "persons who decide about money",
     "join: run by the person: prints a key, once; the database has its keyed hash alone. The first two\n"
     "of an installation may decide at once, every later one after two others vouched. close: by\n"
     "anybody with a key, at once and for ever. Let three join: with two, one who leaves leaves the other\n"
     "alone, and one lets nobody in. Each is audited and an alert.\n",
     command_staff},
    {"statements",
     "import RAIL FILE [--day D | --from D --to D] [--format FILE] | match [--day D]\n"
     "            | show [--day D] | explain ITEM --text TEXT\n"
     "            [-c FILE] [--by NAME] [--key-file FILE]",
     "the rails' statements against our books",
     "import: a CSV of RAIL, read by gateway/money/statements/RAIL.json of the data folder or --format.\n"
     "One bad line, named by its number, keeps the whole file out; the same bytes are taken once, and a\n"
     "transaction that two files tell is one line. --day (or --from and --to, on the rail's clock): the\n"
     "days that the file tells everything about; else those of its lines. match: a line whose charge\n"
     "or refund we booked is matched, what the rail kept and withheld is booked; a line of a charge that\n"
     "has not succeeded asks the rail, and settles nothing; one of nobody's goes to suspense; a success\n"
     "of ours that no line has is missing. It may run at any time, again and again. show: what is not\n"
     "matched and not explained. explain: why ITEM is a difference, at most 300 bytes, by a person with\n"
     "his own key (coko staff). All of it is in ops.audit.\n",
     command_statements},
    {"close", "DAY [--look] [-c FILE] [--by NAME] [--key-file FILE]",
     "the day's money, zero or explained",
     "By rail and currency: charges, refunds, what the statement says of them, fees, what was withheld,\n"
     "the difference; the ledger of the day; what has not ended; each difference and its explanation.\n"
     "DAY is of UTC. A person with his own key (coko staff) then closes it, once: it is refused while the\n"
     "day lasts, while a rail that had money in 30 days has not told all of it, or while a difference is\n"
     "not explained. --look closes nothing and needs no key. Exit code 1: not closed, or cannot be.\n",
     command_close},
    {"invoice", "NUMBER [--pdf FILE] [-c FILE]", "an invoice or credit note, on paper",
     "NUMBER as SN-2026-F000001, a credit note SN-2026-A000001. Without --pdf its lines, with it one A4\n"
     "page in the payer's language, French or English; the same bytes each time. Of the number that\n"
     "paid it shows the country and the last two digits.\n",
     command_invoice},
    {"royalties", "run MONTH [--country CC] | show MONTH [--csv] [-c FILE] [--by NAME]",
     "a month's sales divided among the authors",
     "MONTH: YYYY-MM. run: once a month and country, when the month is over: the pot of passes by what\n"
     "was read of each book, books sold alone to their own authors, less what refunds take back; without\n"
     "VAT and the rails' fees, to the last franc. Again it changes nothing. show: what each author has\n"
     "of it, by book; minor units. Nothing is paid out by it.\n",
     command_royalties},
    {"reader",
     "move OLD NEW --reason TEXT | recycle NUMBER --reason TEXT | approve|refuse REQUEST | requests\n"
     "            [-c FILE] [--by NAME] [--key-file FILE]",
     "a number was lost, or has a new holder",
     "For readers without their recovery code. move: what is read and paid at OLD shall be NEW's; once\n"
     "another person approved it, OLD is told, and it takes effect after 72 hours unless OLD answers NON\n"
     "or says so when it dials. recycle: the carrier or its holder says that NUMBER is somebody else's\n"
     "now: with the approval of another person the next who dials from it is a new reader, and the old\n"
     "one's code still brings all that is hers to another number. Neither while a payment is open.\n"
     "Numbers with the country's code. Whoever asks or answers proves himself with his own key, as in\n"
     "coko charges; requests shows what waits and what became of the last. All of it is in ops.audit.\n",
     command_reader},
    {"margin", "[-c FILE] [--days N]", "what plans bring and what their SMS cost",
     "Per plan and country over N days (30): revenue without VAT, segments and their cost, margin,\n"
     "and the cost of a pass used to the full; minor units. Exit code 1 and an alert when a plan\n"
     "loses money. The scheduler looks once a day.\n",
     command_margin},
    {"phone",
     "[--url URL] [--carrier NAME] [--profiles DIR] [--number +225...] [--code CODE] [--secret S]\n"
     "            [--network N] [--user U] [--password P] [--listen HOST:PORT] [--sms-url URL]",
     "dial the service from a terminal handset",
     "Speaks any carrier over HTTP from its profile, NAME.json of DIR (gateway/ussd/profiles of the\n"
     "data folder), to /ussd/NAME/SECRET; shows the screen, its septets of the limit, and the SMS that\n"
     "the lab's SMSC holds for the number. --user, --password: where the carrier's callbacks bring them;\n"
     "--listen: where send_url points, for a carrier whose screens are posted.\n"
     "Lines from standard input dial (*384*26#, or empty) and answer; /dial CODE, /again delivers\n"
     "the same hop again, /hang [timeout] leaves as the carrier tells it, /sms N waits for N SMS and\n"
     "shows them, /quit. Without --url and --sms-url: COKO_URL and LAB_SMSC_URL, of the environment or\n"
     "of the running demo.\n",
     command_phone},
    {"carrier",
     "sheet NAME [--html] [--code CODE] [--country CI] [--url URL] [--lang L] [--profiles DIR]\n"
     "               [--out FILE] [-c FILE]\n"
     "            | certify NAME --number +225... [--url URL] [--listen HOST:PORT] [--html] [--out FILE]\n"
     "               [--by NAME] [-c FILE]\n"
     "            | trace NAME [--at TIME] [--html] [--out FILE] [-c FILE]\n"
     "            | usage [NAME] --month YYYY-MM [-c FILE]\n"
     "            | test-number add|remove --number +225... [--note TEXT] [--by NAME] [-c FILE] | list",
     "papers and tools for a carrier's engineer",
     "sheet: the interface of profile NAME as Markdown or HTML: addresses, fields, forms of answers,\n"
     "limits, timers, authentication, errors, and sample exchanges whose answers are made by the code\n"
     "that will answer. With -c the code, country and address of its [carrier NAME].\n"
     "certify: plays the carrier against the running daemon at the section's url (or --url, or our own\n"
     "http.listen) and writes a report to sign; 1 when a check failed. The number must be a test number.\n"
     "Where screens are posted, --listen is the address that send_url points to.\n"
     "trace: the last dialogue at a time (now), hop by hop in ms, as Markdown: no number, nothing that\n"
     "was typed, no text of a sensitive screen. usage: CSV of sessions and hops a carrier and day (UTC).\n"
     "test-number: a charge of one goes to no rail but the lab's (billing.rail.lab); list shows the head\n"
     "of each keyed hash, the number is kept nowhere. Each change is audited by name.\n",
     command_carrier},
    {"sql", "", "print every SQL statement of the daemon as JSON lines",
     "One object a line: name, lane, parameters, sql. The EXPLAIN test reads it.\n", command_sql},
    {"version", "", "print the version", "", command_version},
};

static void print_usage(FILE *out)
{
    fprintf(out, "usage: coko COMMAND [ARGUMENTS]\n\n");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        fprintf(out, "  %-12s %s\n", commands[i].name, commands[i].summary);
    fprintf(out, "\ncoko COMMAND --help tells more.\n");
}

static int run(const struct command *c, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            printf("usage: coko %s %s\n\n%s.\n%s", c->name, c->usage, c->summary, c->help);
            return COMMAND_OK;
        }
    }
    int rc = c->run(argc, argv);

    if (rc == COMMAND_USAGE)
        fprintf(stderr, "usage: coko %s %s\n", c->name, c->usage);
    return rc;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_usage(stderr);
        return COMMAND_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        print_usage(stdout);
        return COMMAND_OK;
    }
    if (strcmp(argv[1], CHILD_COMMAND) == 0) /* `coko import` starting itself: in no list */
        return child_run(argc - 1, argv + 1) == 0 ? COMMAND_OK : COMMAND_USAGE;
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (strcmp(argv[1], commands[i].name) == 0)
            return run(&commands[i], argc - 1, argv + 1);
    }
    fprintf(stderr, "coko: no command \"%s\"; coko --help lists them\n", argv[1]);
    return COMMAND_USAGE;
}
