// SPDX-License-Identifier: Apache-2.0
// A subscriber's phone and its carrier's gateway in one page: what is typed goes to
// /ussd/CARRIER/SECRET in the format of the carrier's profile; SMS come from the lab's message centre.
"use strict";

const TEXT = {
  en: { phone: "phone", lead: "Dial as a reader does: press the green key.", inbox: "Messages",
    sim: "SIM card", carrier: "Carrier", number: "Number", again: "Deliver the last step again",
    secret: "Secret of the callback address", user: "User in each callback",
    password: "Password in each callback", screen: "Screen", input: "Code or answer",
    erase: "Erase", hang: "Hang up", keypad: "Keypad", call: "Call", send: "Send",
    septets: "Septets used of the screen's limit", idle: "Press the green key", wait: "Sending…",
    open: "Answer", ended: "Session ended", ready: "Ready", none: "No message yet.",
    nolab: "No message centre is connected.", nosms: "The message centre does not answer.",
    broken: "Connection problem or invalid MMI code.", parts: "parts", unread: "new messages",
    same: "The same step again: the same answer, byte for byte.",
    other: "The same step again: ANOTHER ANSWER.", notours: "This code is not of this service:" },
  fr: { phone: "téléphone", lead: "Composez comme le fait un lecteur : appuyez sur la touche verte.", inbox: "Messages",
    sim: "Carte SIM", carrier: "Opérateur", number: "Numéro", again: "Renvoyer la dernière étape",
    secret: "Secret de l’adresse de rappel", user: "Utilisateur de chaque rappel",
    password: "Mot de passe de chaque rappel", screen: "Écran", input: "Code ou réponse",
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

// ---- carriers: what each speaks, its profile says; /phone/write and /phone/read know it ----

const stem = (code) => code.replace(/#$/, "");

async function ask(what, question) {
  const answer = await fetch(what, { method: "POST", headers: { "Content-Type": "application/json" },
    body: JSON.stringify(question) });
  const got = await answer.json();
  if (got.error) throw new Error(got.error);
  return got;
}

// ---- the call ----

let config = { sms_url: "", carriers: [] };
let session = null;      // { carrier, code, number, open, url, call, answer, and what ask() gave }
let busy = false;

const carrierName = () => $("carrier").value;
const number = () => "+" + $("number").value.replace(/\D/g, "");
const sim = (name) => config.carriers.find((c) => c.name === name) || {};
const codeOf = (name) => sim(name).code || "*384*26#";

function show(text, kind, screen) {
  $("screen").textContent = text;
  $("screen").className = kind || "";
  $("screen").scrollTop = 0;
  $("count").textContent = screen ? screen.count : "";
  $("count").className = screen && screen.over ? "over" : "";
  settle();
}

function settle() {
  const open = session && session.open;
  document.body.classList.toggle("busy", busy);
  $("state").textContent = busy ? T.wait : open ? T.open : session ? T.ended : T.ready;
  $("calltext").textContent = open ? T.send : T.call;
  $("again").disabled = busy || !session || !session.call;
}

async function post(s) {
  const call = s.call, bare = call.method === "GET";
  const answer = await fetch(s.url + call.target, { method: call.method, headers: call.headers,
    body: bare ? undefined : call.body, credentials: "omit", signal: AbortSignal.timeout(10000) });
  return { status: answer.status, headers: Object.fromEntries(answer.headers), body: await answer.text() };
}

// how: { dial } or { answer } or { leave }
async function hop(how) {
  const s = session, { carrier, number, code, user, password } = s;
  let screen = null, text, kind = "";
  busy = true;
  $("note").textContent = "";
  settle();
  try {
    const { session: id, hops, path, step, token, state, keys } = s;
    s.call = await ask("write", { carrier, number, code, user, password, session: id, hops, path, step,
      token, state, keys, ...how });
    Object.assign(s, { session: s.call.session, hops: s.call.hops, path: s.call.path });
    s.answer = await post(s);
    screen = await ask("read", { carrier, ...s.answer });
    Object.assign(s, screen, { shown: screen });
    text = screen.text;
  } catch (error) {
    // a link that the screen has not is not followed: the screen stays
    const refused = how.answer !== undefined && (s.keys || []).length && !s.keys.includes(how.answer);
    s.open = Boolean(refused);
    text = refused ? s.text : T.broken;
    kind = refused ? "" : "fault";
    screen = refused ? s.shown : null;
    $("note").textContent = error.message;
  }
  busy = false;
  if (s === session) show(text, kind, screen);
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
  session = { carrier: name, code, number: number(), open: false, user: $("user").value,
    password: $("password").value, url: `/ussd/${name}/${encodeURIComponent($("secret").value)}` };
  return hop({ dial: typed });
}

function call() {
  if (busy) return;
  const typed = $("input").value;
  $("input").value = "";
  if (session && session.open) hop({ answer: typed });
  else dial(typed.trim() || codeOf(carrierName()));
}

function hang() {
  session = null;
  busy = false;
  $("input").value = "";
  idle();
}

async function again() {
  if (busy || !session || !session.call) return;
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
  const carrier = sim(carrierName());
  $("operator").textContent = carrier.name;
  $("number").value = `+${carrier.number}`;
  $("credentials").hidden = !carrier.user;
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
  for (const carrier of config.carriers) $("carrier").add(new Option(carrier.name, carrier.name));
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
