// SPDX-License-Identifier: Apache-2.0
// A subscriber's phone and its carrier's gateway in one page: what is typed goes to
// /ussd/CARRIER/SECRET in the carrier's own format; SMS come from the lab's message centre.
"use strict";

const TEXT = {
  en: { phone: "phone", lead: "Dial as a reader does: press the green key.", inbox: "Messages",
    sim: "SIM card", carrier: "Carrier", number: "Number", again: "Deliver the last step again",
    secret: "Secret of the callback address", screen: "Screen", input: "Code or answer",
    erase: "Erase", hang: "Hang up", keypad: "Keypad", call: "Call", send: "Send",
    septets: "Septets used of the screen's limit", idle: "Press the green key", wait: "Sending…",
    open: "Answer", ended: "Session ended", ready: "Ready", none: "No message yet.",
    nolab: "No message centre is connected.", nosms: "The message centre does not answer.",
    broken: "Connection problem or invalid MMI code.", parts: "parts", unread: "new messages",
    same: "The same step again: the same answer, byte for byte.",
    other: "The same step again: ANOTHER ANSWER.", notours: "This code is not of this service:" },
  fr: { phone: "téléphone", lead: "Composez comme le fait un lecteur : appuyez sur la touche verte.", inbox: "Messages",
    sim: "Carte SIM", carrier: "Opérateur", number: "Numéro", again: "Renvoyer la dernière étape",
    secret: "Secret de l’adresse de rappel", screen: "Écran", input: "Code ou réponse",
    erase: "Effacer", hang: "Raccrocher", keypad: "Clavier", call: "Appeler", send: "Envoyer",
    septets: "Septets utilisés sur la limite de l’écran", idle: "Appuyez sur la touche verte",
    wait: "Envoi…", open: "Répondez", ended: "Session terminée", ready: "Prêt",
    none: "Aucun message pour l’instant.", nolab: "Aucun centre de messages n’est relié.",
    nosms: "Le centre de messages ne répond pas.",
    broken: "Problème de connexion ou code MMI non valide.", parts: "parties",
    unread: "nouveaux messages", same: "La même étape : la même réponse, octet pour octet.",
    other: "La même étape : UNE AUTRE RÉPONSE.", notours: "Ce code n’est pas de ce service :" },
};
const LANG = (navigator.language || "en").toLowerCase().startsWith("fr") ? "fr" : "en";
const T = TEXT[LANG];
const $ = (id) => document.getElementById(id);

// ---- septets: GSM 03.38, the extension table counts two; outside of it UCS-2 ----

const BASIC = new Set("@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡" +
  "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà");
const EXTENSION = new Set("^{}\\[~]|€\f");

function measure(text) {
  let septets = 0;
  for (const c of text) {
    if (BASIC.has(c)) septets += 1;
    else if (EXTENSION.has(c)) septets += 2;
    else return { text: `${text.length}/80 UCS-2`, over: text.length > 80 };
  }
  return { text: `${septets}/160`, over: septets > 160 };
}

// ---- carriers: each writes a hop and reads the answer, as its gateway does ----

const stem = (code) => code.replace(/#$/, "");

const CARRIERS = {
  africastalking: {
    title: "Africa's Talking", number: "+2250700000001",
    type: "application/x-www-form-urlencoded",
    write(s, input, first) {
      if (first) s.path = stem(input.slice(stem(s.code).length)).replace(/^\*/, "");
      else s.path = s.path || s.hops > 1 ? `${s.path}*${input}` : input;
      return new URLSearchParams({ sessionId: s.id, serviceCode: s.code, phoneNumber: s.number,
        networkCode: "61205", text: s.path }).toString();
    },
    read(s, body) {
      const word = body.slice(0, 4);
      if (word !== "CON " && word !== "END ") throw new Error(T.broken);
      return { text: body.slice(4), open: word === "CON " };
    },
  },
  hubtel: {
    title: "Hubtel", number: "+233240000001", type: "application/json",
    write(s, input, first) {
      return JSON.stringify({ Type: first ? "initiation" : "response", Message: input,
        ServiceCode: stem(s.code).replace(/^\*/, ""), Operator: "mtn", ClientState: s.echo,
        Mobile: s.number.replace(/^\+/, ""), SessionId: s.id, Sequence: String(s.hops + 1),
        Platform: "USSD" });
    },
    read(s, body) {
      const v = JSON.parse(body);
      const type = String(v.Type).toLowerCase();
      if (type !== "response" && type !== "release") throw new Error(T.broken);
      s.echo = v.ClientState || "";
      return { text: String(v.Message), open: type === "response" };
    },
  },
};

// ---- the call ----

let config = { sms_url: "", carriers: [] };
let session = null;      // { id, code, number, hops, open, path, echo, url, type, body, answer }
let busy = false;

const carrierName = () => $("carrier").value;
const codeOf = (name) => (config.carriers.find((c) => c.name === name) || {}).code || "*384*26#";
const number = () => "+" + $("number").value.replace(/\D/g, "");
const hex = () => Array.from(crypto.getRandomValues(new Uint8Array(16)),
  (b) => b.toString(16).padStart(2, "0")).join("");

function show(text, kind) {
  const idle = kind === "idle";
  $("screen").textContent = text;
  $("screen").className = kind || "";
  $("screen").scrollTop = 0;
  const m = measure(text);
  $("count").textContent = idle || kind === "fault" ? "" : m.text;
  $("count").className = m.over && !idle ? "over" : "";
  settle();
}

function settle() {
  const open = session && session.open;
  document.body.classList.toggle("busy", busy);
  $("state").textContent = busy ? T.wait : open ? T.open : session ? T.ended : T.ready;
  $("calltext").textContent = open ? T.send : T.call;
  $("again").disabled = busy || !session || !session.body;
}

async function post(s) {
  const answer = await fetch(s.url, { method: "POST", headers: { "Content-Type": s.type },
    body: s.body, credentials: "omit", signal: AbortSignal.timeout(10000) });
  return { status: answer.status, body: await answer.text() };
}

async function hop(input, first) {
  const carrier = CARRIERS[session.carrier];
  session.body = carrier.write(session, input, first);
  session.hops += 1;
  busy = true;
  $("note").textContent = "";
  settle();
  const s = session;
  let screen, kind = "";
  try {
    s.answer = await post(s);
    if (s.answer.status !== 200) throw new Error(T.broken);
    const got = carrier.read(s, s.answer.body);
    s.open = got.open;
    screen = got.text;
  } catch (error) {
    s.open = false;
    screen = T.broken;
    kind = "fault";
  }
  busy = false;
  if (s === session) show(screen, kind);
  settle();
}

function dial(typed) {
  const name = carrierName(), code = codeOf(name);
  const rest = typed.slice(stem(code).length);
  $("note").textContent = "";
  if (!typed.startsWith(stem(code)) || !/^(\*.*)?#$/.test(rest)) {
    session = null;
    return show(`${T.notours} ${typed}\n${code}`, "fault");
  }
  session = { id: hex(), carrier: name, code, number: number(), hops: 0, open: false, path: "",
    echo: "", type: CARRIERS[name].type,
    url: `/ussd/${name}/${encodeURIComponent($("secret").value)}` };
  return hop(typed, true);
}

function call() {
  if (busy) return;
  const typed = $("input").value;
  $("input").value = "";
  if (session && session.open) hop(typed, false);
  else dial(typed.trim() || codeOf(carrierName()));
}

function hang() {
  session = null;
  busy = false;
  $("input").value = "";
  idle();
}

async function again() {
  if (busy || !session || !session.body) return;
  const s = session;
  try {
    const got = await post(s);
    const same = s.answer && got.status === s.answer.status && got.body === s.answer.body;
    $("note").textContent = same ? T.same : T.other;
  } catch (error) {
    $("note").textContent = T.broken;
  }
}

function idle() {
  show(`${codeOf(carrierName())}\n${T.idle}`, "idle");
}

// ---- messages ----

let inbox = { number: "", count: 0, seen: 0, stop: null };

function drawInbox(messages) {
  const list = $("sms");
  if (messages.length !== inbox.count) {
    list.replaceChildren(...messages.map((m, i) => {
      const item = document.createElement("li"), head = document.createElement("small");
      const left = document.createElement("span"), right = document.createElement("span");
      left.textContent = m.from;
      right.textContent = m.total > 1 ? `${m.total} ${T.parts}` : "";
      head.append(left, right);
      item.append(head, m.text);
      item.className = i >= inbox.seen ? "new" : "";
      return item;
    }).reverse());
  }
  inbox.count = messages.length;
  $("nosms").textContent = messages.length ? "" : T.none;
  $("inboxcount").textContent = messages.length || "";
  const unread = Math.max(0, messages.length - inbox.seen);
  $("mail").hidden = !unread;
  $("mailcount").textContent = unread;
  $("mail").setAttribute("aria-label", `${unread} ${T.unread}`);
}

// One long poll at a time; it returns when a text more is there, or after its wait.
async function watchInbox() {
  if (inbox.stop) inbox.stop.abort();
  const stop = new AbortController();
  inbox = { number: number(), count: -1, seen: 0, stop };
  let wait = 0, want = 0;
  while (!stop.signal.aborted) {
    try {
      const answer = await fetch(`${config.sms_url}/messages?limit=1000&count=${want}` +
        `&wait_ms=${wait}&to=${encodeURIComponent(inbox.number)}`, { signal: stop.signal });
      const messages = (await answer.json()).messages;
      if (stop.signal.aborted) return;
      if (!wait) inbox.seen = messages.length;
      drawInbox(messages);
      wait = 20000;
      want = messages.length + 1;
    } catch (error) {
      if (stop.signal.aborted) return;
      $("nosms").textContent = T.nosms;
      await new Promise((done) => setTimeout(done, 2000));
    }
  }
}

function readInbox() {
  inbox.seen = inbox.count;
  $("mail").hidden = true;
  $("inboxh").scrollIntoView({ block: "start" });
  for (const item of $("sms").children) item.className = "";
}

// ---- the keypad and the page ----

const KEYS = ["1", "2abc", "3def", "4ghi", "5jkl", "6mno", "7pqrs", "8tuv", "9wxyz", "*", "0+", "#"];

function press(key) {
  $("input").value += key;
}

function drawKeys() {
  for (const key of KEYS) {
    const button = document.createElement("button"), letters = document.createElement("small");
    button.type = "button";
    button.dataset.key = key[0];
    letters.textContent = key.slice(1);
    letters.setAttribute("aria-hidden", "true");
    button.append(key[0], letters);
    button.addEventListener("click", () => press(key[0]));
    $("keys").append(button);
  }
}

function translate() {
  document.documentElement.lang = LANG;
  document.title = `Coko ${T.phone}`;
  for (const e of document.querySelectorAll("[data-t]")) e.textContent = T[e.dataset.t];
  for (const e of document.querySelectorAll("[data-label]"))
    e.setAttribute("aria-label", T[e.dataset.label]);
  $("input").placeholder = T.input;
  for (const e of document.querySelectorAll("[data-title]")) e.title = T[e.dataset.title];
}

function newSim() {
  const carrier = CARRIERS[carrierName()];
  $("operator").textContent = carrier.title;
  $("number").value = carrier.number;
  newNumber();
}

function newNumber() {
  hang();
  if (config.sms_url) watchInbox();
  else $("nosms").textContent = T.nolab;
}

async function start() {
  translate();
  drawKeys();
  config = await (await fetch("config.json")).json();
  const known = config.carriers.filter((c) => CARRIERS[c.name]).map((c) => c.name);
  for (const name of known.length ? [...new Set(known)] : Object.keys(CARRIERS)) {
    $("carrier").add(new Option(CARRIERS[name].title, name));
  }
  $("carrier").addEventListener("change", newSim);
  $("number").addEventListener("change", newNumber);
  $("call").addEventListener("click", call);
  $("hang").addEventListener("click", hang);
  $("again").addEventListener("click", again);
  $("mail").addEventListener("click", readInbox);
  $("rub").addEventListener("click", () => { $("input").value = $("input").value.slice(0, -1); });
  document.addEventListener("keydown", (event) => {      // digits go to the phone from anywhere
    if (/^[0-9*#]$/.test(event.key) && !event.ctrlKey && !event.metaKey && !event.altKey &&
        !event.target.matches("input, select")) $("input").focus();
  });
  $("line").addEventListener("submit", (event) => { event.preventDefault(); call(); });
  newSim();
  if (matchMedia("(pointer: fine)").matches) $("input").focus();   // no keyboard over a small screen
  document.body.dataset.ready = "yes";
}

start();
