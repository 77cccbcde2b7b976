# SPDX-License-Identifier: Apache-2.0
"""A random walk of one subscriber through the service, and the judge of what she sees.

A Walk dials, types, repeats, is late, hangs up and dials again as its plan says; every reply is held against the
invariants: S1 one step, one reply, byte for byte; S3 answered in the carrier's budget; S4 the dialogue goes on where it
was, whoever was killed, and one that dropped is taken up where its screen allows it; S6 a screen fits. The reader's own marks (language, books, word, pass) must be hers on every
screen. What must not have happened twice (S2) is in `tries` and `seen`, for test_ussd_walks.py to hold against rows.

The plan is made from the walk's name alone ("seed:number"), so that a walk can be had again, or a part of it.
"""
import concurrent.futures
import http.client
import random
import sys
import time
from collections import Counter

from support import TOP

sys.path.insert(0, str(TOP / "tests/lab"))
import gsm0338  # noqa: E402
from ussd_client import AtPhone, HubtelPhone  # noqa: E402
from ussd_map import ASK, letters, option_lines  # noqa: E402
from ussd_smpp import SmppPhone  # noqa: E402

LIMIT = 160          # septets of a screen, of all three carriers
BUDGETS_S = {"africastalking": 15.0, "hubtel": 5.0, "smpp": 15.0}  # section 3.2 of the carriers' note; SMPP: the MAP timer
INSIST_S = 40        # how long a carrier goes on repeating a hop that met a killed worker, and waits for an answer then
LINK_S = 4           # after a kill: until another worker holds the bind; the carrier keeps what it has to deliver
DIALECT = "6d"
CODE = "*384*26#"
FAULTS = [("again", 0.05), ("at once", 0.05), ("straggler", 0.03), ("crossed", 0.02), ("hang up", 0.02)]
PAYING_DIAL = "2*1*1*9"  # hard case 9: it pays nothing. Where it may end: the reader's home has a line more once she reads
WALKED = [("home", *rest) for rest in (
    ("pass_none",), ("pass_active",), ("pending",), ("pass_none", "offers"), ("pass_none", "offers", "confirm"),
    ("discover",), ("discover", "list_new"), ("discover", "list_new", "book"))]
EFFECTS = {"start_charge", "sms_next", "sms_repeat", "stop", "start_again", "pause", "set_schedule", "set_language", "start_trial", "cancel_renewal",
           "choose_wallet"}
CODES = ["101", "102", "105", "201"]
WORDS = ["taxi", "velo", "pagne", "lettres", "bus", "baobab", "zzzz"]


class Violation(AssertionError):
    pass


# ---- the plan ---------------------------------------------------------------------------------------

class Step:
    """pick and twist choose among what the screen offers; fault: what the carrier does to this hop."""

    def __init__(self, dice, carrier):
        self.pick, self.twist = dice.random(), dice.random()
        at, self.fault = dice.random(), ""
        for name, share in FAULTS:
            if 0 <= at < share:
                self.fault = name
            at -= share
        if carrier == "smpp" and self.fault in ("straggler", "crossed"):
            self.fault = "again"  # one connection keeps its order


class Plan:
    """name: "seed:number"; kept: which of the steps are taken (None: all); attempt: another number to call from."""

    def __init__(self, name, kept=None, attempt=0):
        seed, number = name.split(":")
        dice = random.Random(name)
        self.name, self.carrier = name, ("africastalking", "hubtel", "smpp")[int(number) % 3]
        steps = [Step(dice, self.carrier) for _ in range(dice.randint(9, 17))]
        self.kept = list(range(len(steps))) if kept is None else [k for k in kept if k < len(steps)]
        self.steps = [steps[k] for k in self.kept]
        self.secret = f"48{dice.randrange(10 ** 10):010}"  # a PIN typed where none was asked
        n = (int(number) + 20_000 * attempt) * 60_493 + 7_919 * int(seed)  # no two walks share a number
        self.country = "GH" if self.carrier == "hubtel" and int(number) % 2 else "CI"
        network = {"africastalking": "05", "hubtel": "01", "smpp": "07"}[self.carrier]
        self.phone = f"+23324{n % 10 ** 7:07}" if self.country == "GH" else f"+225{network}{n % 10 ** 8:08}"


# ---- the carriers -----------------------------------------------------------------------------------

def together(calls):
    with concurrent.futures.ThreadPoolExecutor(len(calls)) as pool:
        return [f.result() for f in [pool.submit(call) for call in calls]]


class HttpLine:
    """A phone whose hops are repeated, late and crossed, and repeated again when a killed worker took the answer."""

    def __init__(self, world, plan):
        self.kills = world.kills
        maker = {"africastalking": AtPhone, "hubtel": HubtelPhone}[plan.carrier]
        self.phone = maker(world.url, "demo", plan.phone, max_septets=LIMIT)
        self.budget_s = BUDGETS_S[plan.carrier]
        self.post, self.phone.post_raw = self.phone.post_raw, self.deliver
        self.flagged = plan.carrier == "hubtel"  # a beginning says so itself: a late one begins again
        self.fault, self.hops, self.extra = "", [], []
        self.hangs_up = self.phone.hang_up if "abort" in self.phone.endings else None  # not every carrier tells

    def insist(self, body):
        """The reply to one delivery; a connection that a killed worker dropped is a carrier's repetition."""
        until = time.monotonic() + INSIST_S
        while True:
            began = time.monotonic()
            try:
                reply = self.post(body)
            except (OSError, http.client.HTTPException) as error:
                if not self.kills.since(began - 0.5) or time.monotonic() > until:
                    raise Violation(f"S3: no answer ({error!r}), and no worker was killed") from error
                continue
            given = INSIST_S if self.kills.during(began) else self.budget_s
            if reply.seconds > given:
                raise Violation(f"S3: answered in {reply.seconds:.2f} s, {given} s are given")
            return reply

    def deliver(self, body):
        """What the phone calls to send a hop: with the fault of this step."""
        copies = [body]
        if self.fault == "at once":
            copies = [body] * 3
        elif self.fault == "crossed" and self.older():
            copies = [self.older()[0], body]
        replies = together([lambda b=b: self.insist(b) for b in copies]) if len(copies) > 1 else [self.insist(body)]
        self.extra = list(zip(copies[:-1], replies[:-1]))
        self.hops.append((body, replies[-1]))
        return replies[-1]

    def older(self):
        """The newest hop that can be late."""
        return self.hops[-1] if len(self.hops) > (1 if self.flagged else 0) else None

    def exchange(self, call, fault):
        """(screen, ended) after one hop and its fault."""
        self.fault = fault
        before = self.older()
        call()
        self.fault = ""
        body, first = self.hops[-1]
        if fault == "again":
            self.extra += [(body, self.insist(body)) for _ in range(2)]
        elif fault == "straggler" and before:
            self.extra.append((before[0], self.insist(before[0])))
        return self.phone.last, self.phone.ended

    def dial(self, code, fault):
        self.hops = []
        return self.exchange(lambda: self.phone.dial(code), "" if fault in ("crossed", "straggler") else fault)

    def send(self, key, fault):
        return self.exchange(lambda: self.phone.send(key), fault)

    def judge_repeats(self, sorry):
        """S1: equal steps, equal replies; a straggler gets its own reply or the present one."""
        replies = dict(self.hops[-3:])
        present = self.hops[-1][1]
        for body, reply in self.extra:
            if reply.same(replies[body]) or (body != self.hops[-1][0] and reply.same(present)):
                continue
            if sorry(self.screen_of(reply)) or sorry(self.screen_of(replies[body])) or sorry(self.screen_of(present)):
                continue  # nothing is stored of a polite END: the step may be taken later
            raise Violation(f"S1: one step, two replies: {replies[body].body!r} and {reply.body!r}")
        self.extra = []

    def screen_of(self, reply):
        return self.phone.judge(reply)[0]

    def hang_up(self):
        if not self.hangs_up:
            return
        post, self.phone.post_raw = self.phone.post_raw, self.insist
        self.hangs_up()
        self.phone.post_raw = post


class SmppLine:
    """The same over a bind, where nothing counts the steps: the message alike on one connection is the same step."""

    def __init__(self, world, plan):
        self.world, self.kills, self.plan = world, world.kills, plan
        self.phone = self.previous = None

    def dial(self, code, fault):
        self.phone = SmppPhone(self.world.control, self.plan.phone, DIALECT)
        self.previous = None
        return self.exchange("begin", code, fault)

    def send(self, key, fault):
        key = key + " " if key == self.previous else key  # no thumb types the same twice in a second and a half
        self.previous = key
        return self.exchange("answer", key, fault)

    def exchange(self, kind, text, fault):
        """(screen, ended), or (None, True) where a worker was dead meanwhile. Its link took the reply with it, or the
        delivery comes once more over another link: alike after more than a second and a half, and in another process,
        that is a step of its own. The handset gives up and the reader dials again."""
        began = time.monotonic()
        copies = 2 if fault in ("again", "at once") else 1
        answers = together([lambda: self.phone.deliver(kind, text)] * copies)
        part = self.next_part(began + BUDGETS_S["smpp"] + LINK_S) if all(a == [0] for a in answers) else None
        if self.kills.since(began) or (part is None and self.kills.during(began)):
            self.kills.wait_over()
            self.phone.deliver("abort")
            return None, True
        if part is None:
            raise Violation(f"S3: the delivery was answered {answers}, no reply, and no worker was killed")
        screen = self.phone.judge(part)
        if self.phone.seconds > (INSIST_S if self.kills.during(began) else BUDGETS_S["smpp"]):
            raise Violation(f"S3: answered in {self.phone.seconds:.2f} s")
        return screen, self.phone.ended

    def next_part(self, until):
        """The next submit_sm of this dialogue."""
        while time.monotonic() < until:
            for part in self.phone.parts(1, 500):
                self.phone.after = part["seq"]
                if self.phone.mine(part):
                    return part
        return None

    def judge_repeats(self, _sorry):
        """One connection, one reply: what came beside it must be the same text (S1)."""
        for part in self.phone.parts(0, 0):
            self.phone.after = part["seq"]
            if self.phone.mine(part) and part["text"] != self.phone.last:
                raise Violation(f"S1: a second reply to one step: {part['text']!r} beside {self.phone.last!r}")

    def hang_up(self):
        self.phone.deliver("abort")


# ---- the walk ---------------------------------------------------------------------------------------

class Left:
    """Where the service may take her back who dials the code alone: [(place, language)], None for nowhere. The last
    dialogue that stood on a screen which says so has it, and takes it along when it moves to one that does not."""

    def __init__(self, menu):
        self.menu, self.held, self.pointed = menu, {None}, {False}

    def begins(self):
        self.pointed = {False}

    def after(self, at):
        """(held, pointed) once a screen that is at one of these was stored."""
        says = {(place, lang): self.menu.takes_back(place) for place, lang in at}
        held = {where for where, back in says.items() if back}
        if False in says.values():
            held |= ({None} if True in self.pointed else set()) | (self.held if False in self.pointed else set())
        return held, set(says.values())

    def moves(self, at):
        self.held, self.pointed = self.after(at)

    def may_move(self, at):
        """The step may have been taken, or its end, or nothing."""
        self.held = self.held | self.after(at)[0] | ({None} if True in self.pointed else set())

    def places(self, knows):
        """What a plain dial may show, by what was left: {(place, language)}; whether it may begin anew."""
        held = [where for where in self.held if where]
        return {(p, lang) for place, lang in held for p in self.menu.again(place, knows)}, None in self.held


class Walk:
    """world: url, control, kills, menu (ussd_map.Map), books {code: title}. row: the languages that the reader's own
    record may have; langs: those of this dialogue, which one that was taken up keeps."""

    def __init__(self, world, plan):
        self.world, self.plan, self.menu = world, plan, world.menu
        self.line = (SmppLine if plan.carrier == "smpp" else HttpLine)(world, plan)
        self.langs = self.row = {"en" if plan.country == "GH" else "fr"}
        self.left, self.taken_up = Left(world.menu), False
        self.codes = self.codes_left = {""}  # dialled with a book's code: this dialogue (one taken up: perhaps), any before
        self.places, self.screen, self.ended, self.faulted = set(), "", True, False
        self.pairs = set()  # (place, language) as the last screen told them apart; empty: any place in any language
        self.met, self.may_pay = False, False        # she was answered once; she accepted a price
        self.welcomed = False                        # she went on from the welcome screen, and was answered
        self.tries, self.seen, self.confirmed = Counter(), Counter(), []
        self.books, self.expected, self.word, self.offer, self.code = set(), None, "", "", ""
        self.story, self.taken, self.typed_secret = [], 0, False
        self.waiting = None  # behind the screen of a slow action: where it leads, and the action
        self.counts = Counter()

    def run(self):
        for step in self.plan.steps:
            self.taken += 1
            self.world.kills.hops += 1
            try:
                self.take(step)
                self.counts[step.fault or "plain"] += 1
            except Violation:
                raise
            except AssertionError as fault:  # the lab's own judgement of a carrier's rules
                raise Violation(f"the carrier refuses it: {fault}") from fault

    def take(self, step):
        if self.ended:
            self.dial(step)
        elif step.fault == "hang up":
            self.line.hang_up()
            self.tell(step, "hangs up", "")
            self.ended = True
        else:
            self.answer(step)

    def tell(self, step, typed, screen):
        self.story.append(f"{self.plan.kept[self.taken - 1]:3} {typed:<22}{step.fault:<10}{screen!r}")

    def knows(self, action, outcome):
        """Whether this reader can meet an outcome."""
        paid = self.may_pay
        has = paid or self.tries["start_trial"]
        cannot = {("dial", "new"): self.welcomed, ("dial", "ok"): not self.tries["welcomed"],
                  ("dial", "charge"): not paid, ("my_pass", "active"): not has,
                  ("my_pass", "pending"): not paid, ("start_charge", "pending"): not paid, ("start_charge", "active"): not has,
                  ("start_charge", "price_changed"): True, ("start_charge", "no_rail"): self.plan.country == "CI",
                  ("dial", "paused"): not self.tries["sms_next"], ("code", ""): "" not in self.codes, ("code", None): self.codes == {""},
                  ("ring", "pass_active"): True,  # no carrier of the walks rings
                  ("dial", "moving"): True}       # nor does support move a number
        silenced = outcome == "stopped" and not self.tries["stop"]
        return not silenced and not cannot.get((action, outcome))

    # --- hops -------------------------------------------------------------------------------------------
    def dial(self, step):
        self.waiting, self.pairs = None, set()
        self.code, pays = "", step.pick > 0.85 and self.plan.carrier == "africastalking"
        if 0.6 < step.pick <= 0.85:
            self.code = CODES[int(step.twist * len(CODES))]
        code = f"*384*26*{self.code or PAYING_DIAL}#" if self.code or pays else CODE
        self.expected, self.faulted, self.offer = self.world.books.get(self.code), False, ""
        self.books |= {self.expected} - {None}
        self.codes = {self.code}
        places = self.menu.begin(self.knows) | (set(WALKED) if pays else set())
        self.codes = self.codes_left if code == CODE else self.codes
        back, anew = self.left.places(self.knows) if code == CODE else (set(), True)
        self.places = {place[:-1] if place[-1] == ASK else place for place, _ in back}  # to stand on, should it fail
        self.left.begins()
        screen, ended = self.line.dial(code, "" if step.fault == "hang up" else step.fault)
        self.tell(step, code, screen)
        if pays:
            self.books |= self.world.titles_in(screen or "")
        self.taken_up = bool(back)
        good = self.judge(screen, ended, back | ({(p, lang) for p in places for lang in self.row} if anew else set()), "")
        self.taken_up = bool(good & back)
        self.codes = self.codes_left if self.taken_up else {self.code}
        self.codes_left = self.codes_left | self.codes
        if self.taken_up:
            self.counts["asked" if {p[-1] for p in self.places} == {ASK} else "taken back"] += 1

    def keys(self):
        """What can be typed here, the likely more often."""
        name, home = next(iter(self.places))[-1], ["0", "00", "77", "blah", self.plan.secret]
        if self.menu.screens[name]["type"] == "input" and not self.faulted:
            return WORDS * 3 + ["0", "00", "x"]
        printed = [key for key, _ in option_lines(self.screen)]
        forward = [key for key in printed if key not in ("0", "00")]
        return forward * (12 if name == "confirm" else 5) + home

    def look(self, step):
        """At what became of a slow action."""
        (at, action), self.waiting = self.waiting, None
        screen, ended = self.line.send("1", step.fault)
        self.tell(step, "1 (looks)", screen)
        self.judge(screen, ended, at, action)

    def answer(self, step):
        if self.waiting:
            self.look(step)
            return
        keys = self.keys()
        key = keys[int(step.pick * len(keys))]
        self.typed_secret |= key == self.plan.secret
        at, options = set(), {}
        for place, lang in self.pairs or {(p, x) for p in self.places for x in self.langs}:
            option = None if self.faulted else self.menu.chosen(place[-1], key, self.screen, lang)
            anew = place[-1] == ASK and key == "2"
            at |= {(p, x) for p in self.after(place, key, lang) for x in (self.row if anew else {lang})}
            options[place[-1], option["to"] if option else ""] = option
        actions = {self.remember(name, key, option) for (name, _), option in options.items()}
        if "set_language" in actions:
            at |= {(p, x) for p, _ in at for x in self.langs}
        action = next(iter(actions)) if len(actions) == 1 else ""
        self.faulted = False
        self.may_pay |= "start_charge" in actions
        if action in EFFECTS and not step.fault and step.twist < 0.4:
            step.fault = "at once"  # where S2 is at stake carriers repeat more often here than elsewhere
        screen, ended = self.line.send(self.typed(key, step), step.fault)
        self.tell(step, key, screen)
        self.judge(screen, ended, at, action)

    def after(self, place, key, lang):
        if self.faulted:  # the menu's try-again: only back and home mean something
            key = key if key in ("0", "00") else ""
            return self.menu.after(place, key, "", lang, self.knows) if key else self.menu.show(place, self.knows)
        return self.menu.after(place, key, self.screen, lang, self.knows)

    @staticmethod
    def typed(key, step):
        """Hard case 35: a thumb types 01, "1." and " 1" for 1."""
        if not key.isdigit() or len(key) > 1 or key == "0" or step.twist < 0.9:
            return key
        return [f"0{key}", f"{key}.", f" {key}"][int(step.twist * 1000) % 3]

    def remember(self, name, key, option):
        """What this key makes hers: the effect it may have, by its action's name."""
        if name == "search" and key not in ("0", "00"):
            self.word = key
        if not option:
            return ""
        label = option.get("label")
        if label and option["to"] == "book":
            self.expected = self.world.title_in(label)
            self.books |= {self.expected} - {None}
        elif label and option["to"] in ("confirm", "offer_chosen"):
            self.offer = label
        action = self.menu.action_of(option)
        if action:
            self.tries[action] += 1
        if action == "start_charge":
            self.confirmed.append(self.screen)
        if action == "set_language":
            chosen = self.world.languages[letters(dict(option_lines(self.screen))[key])]
            self.langs, self.row = self.langs | {chosen}, self.row | {chosen}
        return action

    # --- the judge --------------------------------------------------------------------------------------
    def judge(self, screen, ended, at, action):
        """at: the (place, language) that she may be at; those that she is at."""
        if screen is None:  # the handset gave up: the step may have had its effect, where nothing counts steps another too
            self.counts["lost"] += 1
            self.ended, self.langs = True, set(self.menu.texts)
            self.row = self.langs
            self.left.may_move({(p, lang) for p, _ in at for lang in self.langs})
            return set()
        self.line.judge_repeats(self.is_sorry)
        self.fits(screen)
        found = {lang: self.menu.read(screen, lang) for lang in self.menu.texts}
        if self.patience(screen, ended, found, at) or self.waits(found, at, action):
            return set()
        good = {(p, lang) for p, lang in at if p[-1] in found[lang]}
        if not good:
            raise Violation(f"S4: this is no screen she can be at: it reads as {found}, she may be at "
                            f"{sorted({(p[-1], lang) for p, lang in at})}")
        self.pairs, self.places, self.langs = good, {p for p, _ in good}, {lang for _, lang in good}
        self.row = self.row if self.taken_up else self.langs
        self.left.moves(good)
        self.screen, self.ended, self.met = screen, ended, True
        self.welcomed |= action == "welcomed"
        names = {p[-1] for p in self.places}
        if ended != any(self.menu.screens[name]["type"] == "end" for name in names):
            raise Violation(f"the dialogue {'ended' if ended else 'goes on'} at {names}")
        self.is_hers(names, screen)
        self.count_effect(action, names, screen)
        return good

    def fits(self, screen):
        if not gsm0338.fits(screen) or gsm0338.septets(screen) > LIMIT:
            raise Violation(f"S6: {len(screen)} characters do not fit {LIMIT} septets")

    def is_sorry(self, screen):
        return any(name in ("sorry", "fail") for lang in self.menu.texts for name in self.menu.read(screen, lang))

    def patience(self, screen, ended, found, at):
        """The two screens that ask for patience; both are counted, and one that speaks of a bug is one."""
        for seen in found.values():
            for name in ("sorry", "fail"):
                if name in seen:
                    if seen[name]["why"] == "bug" or ended != (name == "sorry"):
                        raise Violation(f"S3: {name} {seen[name]['why']}, ended: {ended}")
                    self.counts[name] += 1
                    self.pairs = set()
                    self.ended, self.faulted, self.screen = ended, name == "fail", screen
                    self.places = {p[:-1] if p[-1] == ASK else p for p in self.places}
                    if ended:
                        self.left.may_move(at)
                    else:
                        self.langs = {lang for _, lang in at}
                        self.left.moves({(p, lang) for p in self.places for lang in self.langs})
                    return True
        return False

    def waits(self, found, at, action):
        """The screen for meanwhile: the step's own is shown on a later hop (hard case 26)."""
        if not any("wait" in seen for seen in found.values()):
            return False
        self.counts["wait"] += 1
        self.ended, self.waiting = False, (at, action)
        self.left.may_move({(p, lang) for p in self.places for lang in self.langs})
        return True

    def is_hers(self, names, screen):
        """Never another subscriber's screen: the books, the word and the price on it are hers."""
        said, own = letters(screen), self.books
        shown = self.world.titles_in(screen)
        if names <= {"home", "book", "summary", "locked", "the_end", "sms_sent", "delivery"} and not shown <= own:
            raise Violation(f"another reader's book: {shown}, hers are {own}")
        if names == {"book"} and self.expected:
            if shown != {self.expected}:
                raise Violation(f"she chose {self.expected!r} and sees {shown}")
            self.expected = None
        if names == {"list_found"} and letters(self.word) not in said:
            raise Violation(f"she searched {self.word!r}")
        if names == {"confirm"} and self.offer and not all(letters(w) in said for w in self.offer.split(" : ")):
            raise Violation(f"she chose {self.offer!r}")

    def count_effect(self, action, names, screen):
        said, says = letters(screen), self.menu.texts[next(iter(self.langs))]["say"]
        told = {"start_charge": "pay_sent" in names, "sms_next": "sms_sent" in names,
                "sms_repeat": said.startswith(letters(says["sms_repeated"]))}
        if told.get(action):
            self.seen[action] += 1
