# SPDX-License-Identifier: Apache-2.0
"""The service's menu as a reader knows it: which screen a text is, and where a key leads from there.

Made from the menu's own data (flow.json and the texts), with no line of the engine: a second reading of the language,
for judging the first. A place is the stack of screens behind the reader. What an action answers is not known from the
outside, so a key leads to a set of places; knows(action, outcome) and knows(variable, case or None) leave out what this
reader cannot meet.

    menu = Map(folder); places = menu.begin(knows)
    places = menu.after(place, "1", screen, knows)     # all that the key may lead to
    places = menu.again(place, knows)                  # what she finds there who dials again after a drop
    seen = menu.read(text, "fr")                       # {screen name: {variable: what stands there}}
"""
import functools
import json
import re
import unicodedata

NAV = ("more", "previous", "back", "home")
DEEP = 40           # screens passed in one step; the service has no chain half as long
STACK_MAX = 12      # what the engine remembers; one that went deeper may come back further
FAILURES = ("busy", "down", "bug", "gone")
ANY = "[a-z0-9]*?"
ASK = "@ask"        # on top of a place: the question whether to go on there
FOLDED = str.maketrans({"œ": "oe", "æ": "ae", "ɓ": "b", "ɗ": "d", "ƙ": "k", "ƴ": "y", "ŋ": "n"})


@functools.lru_cache(4096)
def letters(text):
    """Letters and digits alone, without accents: what folding for a carrier leaves as it is."""
    plain = unicodedata.normalize("NFD", text.lower().translate(FOLDED))
    return re.sub(r"[^a-z0-9]", "", plain)


def literals(text):
    """What stands on a screen whatever its variables are, as letters."""
    return [letters(piece) for piece in re.split(r"\{\w+\}", text)]


def option_lines(text):
    """[(key, label)] of a screen, its navigation keys too."""
    found = []
    for line in text.split("\n"):
        for piece in re.split(r"  (?=\d)", line):
            match = re.fullmatch(r"(\d{1,2}) (.+)", piece)
            if match:
                found.append(match.groups())
    return found


class Map:
    def __init__(self, folder):
        self.flow = json.loads((folder / "flow.json").read_text())
        self.screens, self.keys = {**self.flow["screens"], ASK: {"type": "ask"}}, self.flow["keys"]
        self.texts = {lang: json.loads((folder / f"text/{lang}.json").read_text()) for lang in self.flow["languages"]}
        shown = [name for name in self.screens if self.shows(name)]
        self.patterns = {lang: {name: (self.literals_of(name, lang), self.pattern(name, lang)) for name in shown} for lang in self.texts}
        self.option = functools.cache(lambda text: re.compile(self.template(text, set())))
        self.read = functools.lru_cache(1024)(self.read)  # repetitions, and the screens that are many readers' alike

    def shows(self, name):
        return self.screens[name]["type"] not in ("call", "pay", "switch", "sub")

    # --- reading a screen ----------------------------------------------------------------------------
    @staticmethod
    def template(text, names):
        """A pattern of letters; each {variable} is a group, its first sight by name."""
        out = []
        for literal, name in re.findall(r"([^{]*)(?:\{(\w+)\})?", text):
            out.append(letters(literal))
            if name:
                out.append(ANY if name in names else f"(?P<{name}>{ANY})")
                names.add(name)
        return "".join(out)

    def literals_of(self, name, lang):
        """What a screen cannot be without: a pattern with three variables is slow to find out that it is another's text."""
        screen, texts = self.screens[name], self.texts[lang]["screens"]
        always = [screen["text"]] if "text" in screen and screen["type"] != "ask" else []
        always += [screen[k]["text"] for k in ("accept", "refuse") if screen["type"] == "confirm"]
        return {word for text in always for word in literals(texts[text]) if word}

    def nav_pattern(self, screen, lang):
        words = self.texts[lang]["nav"]
        keys = {**self.keys, "more": f"(?:{self.keys['more']}|{screen.get('more_key', self.keys['more'])})"}
        return "".join(f"(?:{keys[nav]}{letters(words[nav])})?" for nav in NAV)

    def pattern(self, name, lang):
        screen, text = self.screens[name], self.texts[lang]
        names = set()
        notes = "|".join(sorted({letters(t) for t in [*text["reason"].values(), *text["say"].values()]}))
        head = self.template(text["screens"][screen["text"]], names) if "text" in screen else ""
        body = ""
        if screen["type"] == "ask":
            words = text["nav"]
            return re.compile(f"(?:{letters(text['reason']['choice'])})?{letters(words['resume'])}"
                              f"1{letters(words['resume_yes'])}2{letters(words['resume_new'])}")
        if screen["type"] in ("menu", "input"):
            body = "".join(rf"(?:\d{{1,2}}{self.template(text['screens'][o['text']], names)})?" for o in screen.get("options", ()))
        elif screen["type"] == "confirm":
            accept, refuse = (self.template(text["screens"][screen[k]["text"]], names) for k in ("accept", "refuse"))
            body = rf"{self.keys['accept']}{accept}\d{{1,2}}{refuse}"
        elif screen["type"] == "list":
            body = r"\d[a-z0-9]*"
        elif screen["type"] == "text":
            body = "[a-z0-9]+"
        return re.compile(f"(?:(?P<note>{notes}))?{head}{body}{self.nav_pattern(screen, lang)}")

    def is_plain(self, name, lang):
        """Its words alone tell this screen: not a book's page, not a list under a free title."""
        screen = self.screens[name]
        head = self.texts[lang]["screens"].get(screen.get("text"), "")
        return screen["type"] not in ("list", "text") or (screen["type"] == "list" and letters(re.sub(r"\{\w+\}", "", head)))

    def read(self, text, lang):
        """{name: variables} of the screens that this text may be. The special name "fail" is the menu's own
        try-again screen, "sorry" an END that asks for patience, "wait" the screen of an action that is slow."""
        said, words = letters(text), self.texts[lang]
        if said.startswith(letters(words["fail"]["wait"]) + "1" + letters(words["fail"]["look"])):
            return {"wait": {}}
        for why in FAILURES:
            head = letters(words["fail"][why])
            if said == head:
                return {"sorry": {"why": why}}
            if said.startswith(head + "1" + letters(words["fail"]["retry"])):
                return {"fail": {"why": why}}
        found = {}
        for name, (always, pattern) in self.patterns[lang].items():
            match = pattern.fullmatch(said) if all(word in said for word in always) else None
            if match and self.has_option(name, text, lang):
                found[name] = {k: v for k, v in match.groupdict().items() if v is not None}
        plain = {name: found[name] for name in found if self.is_plain(name, lang)}
        return plain or found

    def has_option(self, name, text, lang):
        """A menu without one of its options, or a list without an item, is another screen under a free head."""
        kind, nav = self.screens[name]["type"], set(self.keys.values())
        return kind not in ("menu", "list") or any(
            self.chosen(name, key, text, lang) for key, _ in option_lines(text) if key not in nav)

    # --- moving ---------------------------------------------------------------------------------------
    def begin(self, knows):
        return self.enter(self.flow["start"], (), knows)

    def takes_back(self, place):
        """Whether a reader who dropped there may come back."""
        return place[-1] == ASK or self.screens[place[-1]].get("resume", "never") != "never"

    def again(self, place, knows):
        """What a reader finds who dropped where she may come back."""
        if place[-1] != ASK and self.screens[place[-1]]["resume"] == "auto":
            return self.show(place, knows)
        return {place if place[-1] == ASK else (*place, ASK)}

    def push(self, place, name):
        if name == self.flow["home"]:
            return (name,)
        if name in place:
            return place[:place.index(name) + 1]
        return (*place, name)

    def enter(self, name, place, knows, depth=0):
        assert depth < DEEP, f"the menu goes round in {name}"
        screen = self.screens[name]
        if screen["type"] == "switch":
            jumps = [to for value, to in screen["cases"].items() if knows(screen["var"], value)]
            return self.jumps(jumps + ([screen["else"]] if knows(screen["var"], None) else []), place, knows, depth)
        if screen["type"] in ("call", "pay"):
            jumps = [to for outcome, to in screen.get("on", {}).items() if knows(screen["action"], outcome)]
            return self.jumps(jumps + ([screen["else"]] if "else" in screen else []), place, knows, depth)
        return self.show(self.push(place, name), knows, depth)

    def show(self, place, knows, depth=0):
        """The top screen is drawn; its action may lead elsewhere, and then it is no place to come back to."""
        screen = self.screens[place[-1]]
        jumps = list(screen.get("on", {}).values()) + ([screen["empty"]] if "empty" in screen else [])
        left, out = place[:-1], {place}
        for jump in jumps:
            to = jump["to"] if isinstance(jump, dict) else jump
            if to == "@back" and left:
                out |= self.show(left, knows, depth + 1)
            else:
                out |= self.jump(jump, left, knows, depth + 1)
        return out

    def jumps(self, jumps, place, knows, depth):
        return set().union(*[self.jump(j, place, knows, depth + 1) for j in jumps])

    def jump(self, jump, place, knows, depth=0):
        to = jump["to"] if isinstance(jump, dict) else jump
        if to == "@home":
            return self.enter(self.flow["home"], place, knows, depth + 1)
        if to == "@back":
            return self.back(place, knows, depth + 1)
        if to == "@again":
            return self.show(place, knows, depth + 1) if place else self.enter(self.flow["home"], place, knows, depth + 1)
        return self.enter(to, place, knows, depth + 1)

    def back(self, place, knows, depth=0):
        if len(place) <= 1:
            return self.enter(self.flow["home"], place, knows, depth + 1)
        out = self.show(place[:-1], knows, depth + 1)
        return out | (self.show(place[:1], knows, depth + 1) if len(place) > STACK_MAX else set())

    def chosen(self, name, key, text, lang):
        """The option (a dict with "to") that a printed key stands for, or None."""
        screen = self.screens[name]
        label = dict(option_lines(text)).get(key)
        ways = {self.keys[nav] for nav in NAV} if screen["type"] != "confirm" else ()
        if label is None or key in ways:  # an option named by a variable would take any label for its own
            return None
        if screen["type"] == "list":
            return {"to": screen["to"], "label": label}
        options = screen.get("options") or [screen[k] for k in ("accept", "refuse") if k in screen]
        for option in options:
            when = option.get("when", {})
            if when.get("var") == "lang" and (lang == when.get("is", lang)) == (lang == when.get("not")):
                continue
            if self.option(self.texts[lang]["screens"][option["text"]]).fullmatch(letters(label)):
                return option
        return None

    def after(self, place, key, text, lang, knows):
        """Where a key leads from this screen: {place}. text: the screen as it stood before the reader."""
        name = place[-1]
        screen, printed = self.screens[name], dict(option_lines(text))
        if name == ASK:
            return self.answered(place, key, knows)
        if key == self.keys["home"]:
            return self.enter(self.flow["home"], place, knows)
        if key == self.keys["back"] and screen["type"] != "confirm":
            return self.back(place, knows)
        turns = {self.keys["more"], self.keys["previous"], screen.get("more_key")}  # an option's word may be the same
        if key in printed and key in turns and letters(printed[key]) in {letters(self.texts[lang]["nav"][n]) for n in ("more", "previous")}:
            return self.show(place, knows)
        option = self.chosen(name, key, text, lang)
        if screen["type"] == "input" and option is None:
            return self.jump(screen["to"], place, knows) | {place}
        if option is None:
            return self.show(place, knows)
        if screen["type"] == "confirm" and option is screen["accept"]:
            place = place[:-1]
        return self.jump(option["to"], place, knows)

    def answered(self, place, key, knows):
        """Where the question leads, which no key of the screen behind it answers."""
        if key == "1":
            return self.show(place[:-1], knows)
        if key == "2":
            return self.begin(knows)
        return self.enter(self.flow["home"], place[:-1], knows) if key == self.keys["home"] else {place}

    def action_of(self, option):
        """The call that an option makes at once, by the name of its statement; "" where it makes none."""
        screen = self.screens.get(option["to"], {}) if option else {}
        return screen.get("action", "") if screen.get("type") in ("call", "pay") else ""
