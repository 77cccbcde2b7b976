# SPDX-License-Identifier: Apache-2.0
"""Gateways that are browsers: Orange (xHTML) and CellCube (pages). The subscriber follows links or
fills the one field; who he is stands in headers; all state is in our URLs."""
import secrets
import urllib.parse

from carriers.base import Call
from carriers.xmls import Xml


class Browser(Xml):
    """entry URL hit is a beginning. links: {key: href}; form: (action, name of the field) or None."""

    def __init__(self, *args, language="fr", **options):
        super().__init__(*args, **options)
        self.language = language
        self.links, self.field = {}, None
        self.page_url = self.url

    def new_session(self):
        return secrets.token_hex(8)

    def start(self, code):
        """The entry is a URL; a code of several parts has, where the operator registers it, an entry of its own."""
        self.page_url = self.url
        return self.fetch(self.url, {"response": code} if code != self.service_code else None)

    def edited(self, text):
        """The address of a link with another answer in it: made by hand, no handset does it."""
        address = urllib.parse.urlsplit(urllib.parse.urljoin(self.page_url, next(iter(self.links.values()))))
        return self.fetch(urllib.parse.urlunsplit(address._replace(query="")), {"response": text})

    def hop(self, text):
        """Follow the link of this key; else the form takes it."""
        if text in self.links:
            return self.fetch(urllib.parse.urljoin(self.page_url, self.links[text]))
        assert self.field, f"no link {text!r} and no field on {self.last!r}"
        action, name = self.field
        return self.fetch(urllib.parse.urljoin(self.page_url, action), {name: text})

    def can_type(self, text):
        return text in self.links or self.field is not None

    def fetch(self, url, query=None):
        self.page_url = url
        return Call(url=url, query=query, headers=self.identity())

    def identity(self):
        return {"User-MSISDN": f"tel:+{self.digits}", "User-SessionId": self.session,
                "User-Language": self.language, "User-TOKEN": secrets.token_hex(8)}

    def malformed(self):
        """A visitor whom no gateway has named."""
        return Call()

    def add_link(self, key, href, reply):
        self.need(href, "a link without href", reply)
        self.need(key not in self.links, f"the key {key} twice", reply)
        self.links[key] = href


class OrangePhone(Browser):
    """The last page has meta nav=end; choices are a href accesskey; one form of one text field."""

    carrier = "orange_xhtml"
    named_hops = True
    number = "+2250707000000"
    media = ("text/html", "application/xhtml+xml")

    def judge(self, reply):
        root = self.root(reply, "html", doctypes=("html",))
        metas = {m.get("name"): m.get("content") for m in root.findall("head/meta")}
        ended = metas.get("nav") == "end"
        body = root.findall("body")
        self.need(len(body) == 1, "not one body", reply)
        self.links, self.field = {}, None
        for form in body[0].iter("form"):
            self.need(self.field is None, "two forms", reply)
            inputs = list(form.iter("input"))
            self.need(len(inputs) == 1 and inputs[0].get("type") == "text" and inputs[0].get("name")
                      and form.get("action"), "a form is not an action and one text field", reply)
            self.field = (form.get("action"), inputs[0].get("name"))
        for link in body[0].iter("a"):
            self.need(link.get("accesskey"), "a link without accesskey", reply)
            self.add_link(link.get("accesskey"), link.get("href"), reply)
        self.need(ended or self.links or self.field, "no way on and no end", reply)
        self.need(not (ended and (self.links or self.field)), "links on the last page", reply)
        text = "\n".join(line.strip() for line in self.lines(body[0]).split("\n") if line.strip())
        self.judge_screen(text, reply)
        return text, ended

    def lines(self, element):
        """The page as drawn: br and blocks break, a link shows its key."""
        if element.tag == "br":
            return "\n" + (element.tail or "")
        inner = (element.text or "") + "".join(self.lines(e) for e in element)
        if element.tag == "a" and not inner.startswith(element.get("accesskey")):
            inner = f"{element.get('accesskey')} {inner}"
        block = "\n" if element.tag in ("p", "div", "form", "li") else ""
        return block + inner + block + (element.tail or "")


class CellcubePhone(Browser):
    """pages/page; a link to #tag turns to another page of the same reply without a round trip."""

    carrier = "cellcube"
    named_hops = True
    number = "+22370000000"
    charsets = ("", "charset=utf-8", "charset=iso-8859-1")

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.pages = {}

    def judge(self, reply):
        root = self.root(reply, "pages", doctypes=("pages",))
        pages = root.findall("page")
        self.need(pages and len(pages) == len(root), "what is no page, or none", reply)
        self.pages = {p.get("tag"): p for p in pages if p.get("tag")}
        for other in reversed(pages):
            shown = self.show(other, reply)      # each is judged, the first is shown
        return shown

    def show(self, page, reply):
        """Read one page: its screen, its links and its field."""
        self.links, self.field = {}, None
        text = page.text or ""
        for element in page:
            if element.tag == "a":
                key = element.get("key") or element.get("accesskey") or str(len(self.links) + 1)
                href = element.get("href")
                self.need(not href or not href.startswith("#") or href[1:] in self.pages,
                          f"{href} leads to no page", reply)
                self.add_link(key, href, reply)
                label = (element.text or "").strip()
                text += f"\n{label}" if label.startswith(f"{key} ") else f"\n{key} {label}"
            elif element.tag == "form":
                entry = element.findall("entry")
                self.need(len(entry) == 1 and entry[0].get("kind") in ("digits", "text")
                          and entry[0].get("var") and element.get("action"),
                          "a form is not an action and one entry", reply)
                self.field = (element.get("action"), entry[0].get("var"))
                prompt = entry[0].find("prompt")
                text += "\n" + (prompt.text or "") + "".join(f"\n{br.tail or ''}" for br in prompt)
                self.need(all(br.tag == "br" for br in prompt), "what is no line in a prompt", reply)
            elif element.tag == "br":
                text += "\n"
            else:
                self.fail(f"no such element: {element.tag}", reply)
            text += element.tail or ""
        ended = page.get("nav") == "end"
        self.need(ended or self.links or self.field, "no way on and no end", reply)
        text = "\n".join(line.strip() for line in text.split("\n") if line.strip())
        self.judge_screen(text, reply)
        return text, ended

    def send(self, text):
        """A link to another page of this reply is turned on the handset."""
        href = self.links.get(str(text), "")
        if not href.startswith("#"):
            return super().send(text)
        self.last, self.ended = self.show(self.pages[href[1:]], self.last_reply)
        self.history.append((str(text), self.last))
        return self.last
