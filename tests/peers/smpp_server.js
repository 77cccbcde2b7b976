// SPDX-License-Identifier: Apache-2.0
// An SMSC made of npm "smpp": it judges the daemon's codec by one that nobody here wrote.
//
//   node smpp_server.js --port 0 --control-port 0 [--system-id coko] [--password secret]
//                       [--receipt-delay-ms 50] [--print]
// First line on stdout: {"ready":true,"port":..,"control":..}. SIGTERM ends it with 0.
// Control API, the part of tests/lab/smsc.py's that a story needs:
//   GET /messages?to=&count=&wait_ms=&contains=&complete=  GET /parts?to=  POST /mo {from,to,text}
//   GET /stats  POST /reset  POST /kick
'use strict';
const http = require('http');
const smpp = require('smpp');

const KEEP = 100000;
const MAX_BODY = 1 << 20;
const RESPONSE_MS = 10000;

function option(name, fallback) {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : process.argv[at + 1];
}

const systemId = option('system-id', 'coko');
const password = option('password', 'secret');
const receiptDelay = Number(option('receipt-delay-ms', '50'));
const printing = process.argv.includes('--print');
const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

let lastId = BigInt(Date.now()) * 1000n;      // never the same again after a restart
let seq = 0;
let reference = 0;
const sessions = new Set();
const waiters = new Set();
let messages = [];
let open = new Map();
let parts = [];
let texts = new Set();
let stats = {};

function reset() {
  messages = [];
  parts = [];
  open = new Map();
  texts = new Set();
  stats = { binds: 0, binds_refused: 0, submits: 0, accepted: 0, receipts: 0, deliver_acked: 0,
    deliver_refused: 0, deliver_timeouts: 0, mo: 0, enquire_links: 0, unbinds: 0, errors: 0,
    duplicate_texts: 0, unknown_commands: 0 };
}
reset();

const note = () => { for (const wake of [...waiters]) wake(); };
const digits = (number) => String(number).replace(/^00/, '').replace(/\D/g, '') || String(number);

// --- what arrived ---------------------------------------------------------------------------
function concatOf(pdu) {
  const elements = (pdu.short_message && pdu.short_message.udh) || [];
  for (const e of elements) {
    if (e[0] === 0 && e[1] === 3) return { width: 8, ref: e[2], total: e[3], n: e[4] };
    if (e[0] === 8 && e[1] === 4) {
      return { width: 16, ref: e.readUInt16BE(2), total: e[4], n: e[5] };
    }
  }
  if (pdu.sar_msg_ref_num !== undefined) {
    return { width: 'sar', ref: pdu.sar_msg_ref_num, total: pdu.sar_total_segments,
      n: pdu.sar_segment_seqnum };
  }
  return null;
}

function textOf(pdu) {
  const payload = pdu.message_payload && pdu.message_payload.message;
  const text = payload || (pdu.short_message && pdu.short_message.message) || '';
  return Buffer.isBuffer(text) ? text.toString('hex') : text;
}

function newMessage(pdu, concat) {
  seq += 1;
  const message = { seq, to: pdu.destination_addr, from: pdu.source_addr, text: null,
    complete: false, total: concat ? concat.total : 1, ref: concat ? concat.ref : null,
    ref_width: concat ? concat.width : null, data_coding: pdu.data_coding, slots: new Map() };
  messages.push(message);
  if (messages.length > KEEP) messages.shift();
  return message;
}

function keep(pdu, id) {
  const concat = concatOf(pdu);
  const part = { message_id: id, n: concat ? concat.n : 1, text: textOf(pdu), state: 'ENROUTE',
    to: pdu.destination_addr, from: pdu.source_addr, data_coding: pdu.data_coding,
    esm_class: pdu.esm_class, registered_delivery: pdu.registered_delivery, receipts: 0,
    submitted_at: Date.now() / 1000 };
  const key = concat && [pdu.source_addr, pdu.destination_addr, concat.width, concat.ref,
    concat.total].join('|');
  let message = key ? open.get(key) : null;
  if (!message || message.slots.has(part.n)) {
    message = newMessage(pdu, concat);
    if (key) open.set(key, message);
  }
  message.slots.set(part.n, part);
  part.message_seq = message.seq;
  parts.push(part);
  if (parts.length > KEEP) parts.shift();
  if (message.slots.size === message.total) finish(message, key);
  note();
  return part;
}

function finish(message, key) {
  if (key) open.delete(key);
  message.text = [...message.slots.keys()].sort((a, b) => a - b)
    .map((n) => message.slots.get(n).text).join('');
  message.complete = true;
  const same = `${message.to}|${message.text}`;
  if (texts.has(same)) stats.duplicate_texts += 1;
  else if (texts.size < KEEP) texts.add(same);
  if (printing) say({ event: 'message', ...view(message) });
}

function view(message) {
  const list = [...message.slots.keys()].sort((a, b) => a - b).map((n) => message.slots.get(n));
  const states = new Set(list.map((p) => p.state));
  let state = 'incomplete';
  if (message.complete) state = states.size === 1 && states.has('DELIVRD') ? 'delivered' : 'pending';
  const { slots, ...rest } = message;
  return { ...rest, state, parts: list };
}

// --- SMPP --------------------------------------------------------------------------------------
const stamp = (seconds) => new Date(seconds * 1000).toISOString().replace(/[-:T]/g, '').slice(2, 12);

function receivers() {
  return [...sessions].filter((s) => s.receives && s.socket.writable);
}

// Waits for a receiver up to a minute: a carrier keeps what it cannot deliver yet.
function deliver(pdu, done, tries = 600) {
  const [session] = receivers();
  if (!session) {
    if (tries > 0) setTimeout(() => deliver(pdu, done, tries - 1), 100).unref();
    else { stats.deliver_timeouts += 1; done(null); }
    return;
  }
  let answered = false;
  const timer = setTimeout(() => {
    if (!answered) { answered = true; stats.deliver_timeouts += 1; done(null); }
  }, RESPONSE_MS);
  session.deliver_sm(pdu, (response) => {
    if (answered) return;
    answered = true;
    clearTimeout(timer);
    stats[response.command_status ? 'deliver_refused' : 'deliver_acked'] += 1;
    done(response.command_status);
    note();
  });
}

function receipt(pdu, part) {
  part.state = 'DELIVRD';
  part.done_at = Date.now() / 1000;
  note();
  if ((part.registered_delivery & 3) !== 1) return;
  stats.receipts += 1;
  const text = `id:${part.message_id} sub:001 dlvrd:001 submit date:${stamp(part.submitted_at)} `
    + `done date:${stamp(part.done_at)} stat:DELIVRD err:000 text:`;
  deliver({ source_addr: pdu.destination_addr, destination_addr: pdu.source_addr,
    source_addr_ton: pdu.dest_addr_ton, source_addr_npi: pdu.dest_addr_npi,
    dest_addr_ton: pdu.source_addr_ton, dest_addr_npi: pdu.source_addr_npi,
    esm_class: 4, data_coding: 0, short_message: text,
    receipted_message_id: part.message_id, message_state: 2 }, (status) => {
    if (status === 0) part.receipts += 1;
  });
}

function onSubmit(session, pdu) {
  stats.submits += 1;
  if (!session.sends) {
    session.send(pdu.response({ command_status: smpp.ESME_RINVBNDSTS }));
    return;
  }
  if (!pdu.destination_addr) {
    session.send(pdu.response({ command_status: smpp.ESME_RINVDSTADR }));
    return;
  }
  lastId += 1n;
  const part = keep(pdu, String(lastId));
  stats.accepted += 1;
  session.send(pdu.response({ message_id: part.message_id }));
  setTimeout(receipt, receiptDelay, pdu, part);
}

function onBind(session, pdu, sends, receives) {
  let status = 0;
  if (session.bound) status = smpp.ESME_RALYBND;
  else if (pdu.system_id !== systemId) status = smpp.ESME_RINVSYSID;
  else if (pdu.password !== password) status = smpp.ESME_RINVPASWD;
  if (status) {
    stats.binds_refused += 1;
    session.send(pdu.response({ command_status: status }));
    return;
  }
  session.bound = true;
  session.sends = sends;
  session.receives = receives;
  stats.binds += 1;
  session.send(pdu.response({ system_id: 'PEER', sc_interface_version: 0x34 }));
  note();
}

const server = smpp.createServer((session) => {
  sessions.add(session);
  session.on('bind_transceiver', (pdu) => onBind(session, pdu, true, true));
  session.on('bind_transmitter', (pdu) => onBind(session, pdu, true, false));
  session.on('bind_receiver', (pdu) => onBind(session, pdu, false, true));
  session.on('submit_sm', (pdu) => onSubmit(session, pdu));
  session.on('enquire_link', (pdu) => {
    stats.enquire_links += 1;
    session.send(pdu.response());
    note();
  });
  session.on('unbind', (pdu) => {
    stats.unbinds += 1;
    session.send(pdu.response());
    session.close();
  });
  session.on('unknown', (pdu) => {
    stats.unknown_commands += 1;
    if (!pdu.isResponse()) session.send(pdu.response());
  });
  session.on('error', (error) => {            // a PDU that this codec cannot read ends the link
    stats.errors += 1;
    stats.last_error = String(error.message);
    session.destroy();
    note();
  });
  session.on('close', () => { sessions.delete(session); note(); });
});

// --- control -----------------------------------------------------------------------------------
function originate(body) {
  const gsm = smpp.encodings.ASCII.match(body.text);
  const units = [...body.text];
  const cost = (s) => (gsm ? smpp.encodings.ASCII.encode(s).length : s.length);
  const base = { source_addr: digits(body.from), destination_addr: String(body.to),
    source_addr_ton: 1, source_addr_npi: 1, data_coding: gsm ? 0 : 8 };
  stats.mo += 1;
  if (cost(body.text) <= (gsm ? 160 : 70)) return [{ ...base, short_message: body.text }];
  const cuts = [''];
  for (const unit of units) {
    if (cost(cuts[cuts.length - 1] + unit) > (gsm ? 153 : 67)) cuts.push('');
    cuts[cuts.length - 1] += unit;
  }
  reference = (reference + 1) & 0xff;
  return cuts.map((text, i) => ({ ...base, short_message: { message: text,
    udh: Buffer.from([5, 0, 3, reference, cuts.length, i + 1]) } }));
}

function until(probe, ms) {
  return new Promise((resolve) => {
    if (probe()) { resolve(); return; }
    const look = () => { if (probe()) finishWait(); };
    const finishWait = () => { waiters.delete(look); clearTimeout(timer); resolve(); };
    const timer = setTimeout(finishWait, Math.min(Math.max(ms, 0), 60000));
    waiters.add(look);
  });
}

const routes = {
  async 'GET /messages'(q) {
    const complete = { 0: false, 1: true }[q.get('complete') || '1'];
    const find = () => messages.filter((m) => m.seq > Number(q.get('after') || 0)
      && (!q.get('to') || digits(m.to) === digits(q.get('to')))
      && (complete === undefined || m.complete === complete)
      && (!q.get('contains') || (m.text || '').includes(q.get('contains')))
      && (!q.get('state') || view(m).state === q.get('state')));
    await until(() => find().length >= Number(q.get('count') || 1), Number(q.get('wait_ms') || 0));
    const found = find();
    return { messages: found.slice(-Number(q.get('limit') || 1000)).map(view), count: found.length };
  },
  async 'GET /parts'(q) {
    return { parts: parts.filter((p) => !q.get('to') || digits(p.to) === digits(q.get('to'))) };
  },
  async 'POST /mo'(q, body) {
    if (!body.from || !body.to || typeof body.text !== 'string') {
      throw new Error('from, to and text are needed');
    }
    const pdus = originate(body);
    const statuses = pdus.map(() => null);
    let left = pdus.length;
    pdus.forEach((pdu, i) => deliver(pdu, (status) => { statuses[i] = status; left -= 1; note(); }));
    if (q.get('wait_ms')) await until(() => left === 0, Number(q.get('wait_ms')));
    return { parts: pdus.length, statuses };
  },
  async 'GET /stats'(q) {
    const now = () => ({ ...stats, links: sessions.size, messages: messages.length,
      bound: [...sessions].filter((s) => s.bound).length,
      incomplete: messages.filter((m) => !m.complete).length });
    const wanted = [...q.entries()].filter(([k]) => k !== 'wait_ms');
    if (wanted.length) {
      await until(() => wanted.every(([k, v]) => now()[k] >= Number(v)),
        Number(q.get('wait_ms') || 0));
    }
    return now();
  },
  async 'POST /reset'() { reset(); return { reset: true }; },
  async 'POST /kick'() {
    const kicked = sessions.size;
    for (const session of sessions) session.destroy();
    return { kicked };
  },
};

const control = http.createServer((request, response) => {
  const url = new URL(request.url, 'http://lab');
  const chunks = [];
  let size = 0;
  request.on('data', (chunk) => {
    size += chunk.length;
    if (size > MAX_BODY) request.destroy();
    else chunks.push(chunk);
  });
  request.on('end', async () => {
    const route = routes[`${request.method} ${url.pathname}`];
    let status = route ? 200 : 404;
    let value = { error: 'no such path' };
    try {
      if (route) {
        value = await route(url.searchParams, JSON.parse(Buffer.concat(chunks).toString() || '{}'));
      }
    } catch (error) {
      status = 400;
      value = { error: String(error.message) };
    }
    response.writeHead(status, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify(value));
  });
});

process.on('SIGTERM', () => process.exit(0));
process.on('SIGINT', () => process.exit(0));
server.listen(Number(option('port', '0')), '127.0.0.1', () => {
  control.listen(Number(option('control-port', '0')), '127.0.0.1', () => {
    const port = control.address().port;
    say({ ready: true, port: server.address().port, control: port, control_port: port });
  });
});
