// SPDX-License-Identifier: Apache-2.0
// An ESME made of npm "smpp", driven by JSON lines: commands on stdin, events on stdout.
// It judges tests/lab/smsc.py and whatever else claims to be an SMSC.
//
//   node smpp_client.js --port 2775 [--host 127.0.0.1] [--tls]
//   {"op":"bind","as":"transceiver","system_id":"coko","password":"secret"}
//   {"op":"submit","to":"22507...","from":"COKO","text":"...","registered_delivery":1,"tag":"a"}
//   {"op":"submit_long", ...}       8-bit UDH parts, split here
//   {"op":"multi","to":["22507...","22505..."],"lists":["staff"], ...}   -> "failed":{"staff":68}
//   {"op":"flood","count":20000,"window":100,"to":"225","text":"x"}   -> {"event":"flood",...}
//       to numbers that begin so and end in 0 to 999, with "digits":3 in 000 to 999
//   {"op":"data","to":"225...","text":"..."} {"op":"cancel","message_id":"1"}
//   {"op":"replace","message_id":"1","text":"..."}
//   {"op":"enquire"} {"op":"query","message_id":"1"} {"op":"raw","hex":"..."} {"op":"unbind"}
//   {"op":"deliver_status","status":20} {"op":"deaf","deaf":true}   how deliver_sm is answered
'use strict';
const readline = require('readline');
const smpp = require('smpp');

function option(name, fallback) {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : process.argv[at + 1];
}

const say = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);
const scheme = process.argv.includes('--tls') ? 'ssmpp' : 'smpp';
const session = smpp.connect({
  url: `${scheme}://${option('host', '127.0.0.1')}:${option('port', '2775')}`,
  rejectUnauthorized: false,
});
let deliverStatus = 0;
let deaf = false;
let reference = 0;

session.on(scheme === 'ssmpp' ? 'secureConnect' : 'connect', () => say({ event: 'connected' }));
session.on('close', () => { say({ event: 'closed' }); process.exit(0); });
session.on('error', (error) => say({ event: 'error', message: String(error.message) }));
session.on('generic_nack', (pdu) => say({
  event: 'nack', status: pdu.command_status, seq: pdu.sequence_number }));
session.on('unbind', (pdu) => { say({ event: 'unbind' }); session.send(pdu.response()); });
session.on('enquire_link', (pdu) => session.send(pdu.response()));
session.on('deliver_sm', (pdu) => {
  const udh = pdu.short_message && pdu.short_message.udh;
  say({
    event: 'deliver', from: pdu.source_addr, to: pdu.destination_addr, esm_class: pdu.esm_class,
    data_coding: pdu.data_coding,
    text: pdu.short_message ? pdu.short_message.message : '',
    udh: udh ? udh.map((e) => e.toString('hex')) : [],
    payload: pdu.message_payload && pdu.message_payload.message,
    receipted_message_id: pdu.receipted_message_id, message_state: pdu.message_state,
  });
  if (!deaf) session.send(pdu.response({ command_status: deliverStatus }));
});

function bind(c) {
  session[`bind_${c.as || 'transceiver'}`](
    { system_id: c.system_id, password: c.password, interface_version: 0x34 },
    (pdu) => say({ event: 'bound', status: pdu.command_status, smsc: pdu.system_id,
      version: pdu.sc_interface_version }));
}

function submit(c, message) {
  const pdu = {
    destination_addr: c.to, source_addr: c.from || 'COKO', dest_addr_ton: 1, dest_addr_npi: 1,
    source_addr_ton: 5, registered_delivery: c.registered_delivery === undefined ? 1
      : c.registered_delivery,
    data_coding: smpp.encodings.ASCII.match(message.message || message) ? 0 : 8,
    short_message: message,
  };
  for (const key of ['esm_class', 'data_coding', 'validity_period', 'service_type',
    'schedule_delivery_time', 'message_payload']) {
    if (c[key] !== undefined) pdu[key] = c[key];
  }
  session.submit_sm(pdu, (r) => say({ event: 'submitted', tag: c.tag, status: r.command_status,
    message_id: r.message_id, seq: r.sequence_number }));
}

function submitLong(c) {
  // cut by code points so that neither an escape nor a surrogate pair is torn
  const gsm = c.data_coding !== 8 && smpp.encodings.ASCII.match(c.text);
  const room = gsm ? 153 : 67;
  const parts = [];
  let part = '';
  const cost = (s) => (gsm ? smpp.encodings.ASCII.encode(s).length : s.length);
  for (const ch of c.text) {
    if (cost(part + ch) > room) { parts.push(part); part = ''; }
    part += ch;
  }
  parts.push(part);
  reference = (reference + 1) & 0xff;
  const order = parts.map((_, i) => i);
  if (c.reverse) order.reverse();
  for (const i of order) {
    submit({ data_coding: gsm ? 0 : 8, ...c }, {
      udh: Buffer.from([5, 0, 3, reference, parts.length, i + 1]), message: parts[i] });
  }
}

function multi(c) {
  const dests = c.to.map((n) => ({ dest_addr_ton: 1, dest_addr_npi: 1, destination_addr: n }));
  for (const name of c.lists || []) dests.push({ dl_name: name });
  session.submit_multi({
    dest_address: dests, source_addr: c.from || 'COKO', source_addr_ton: 5, registered_delivery: 1,
    short_message: c.text, schedule_delivery_time: c.schedule_delivery_time || '',
  }, (r) => say({ event: 'submitted', status: r.command_status, message_id: r.message_id,
    failed: Object.fromEntries((r.unsuccess_sme || []).map(
      (u) => [u.destination_addr, u.error_status_code])) }));
}

function flood(c) {
  const started = process.hrtime.bigint();
  let sent = 0;
  let done = 0;
  let refused = 0;
  const next = () => {
    if (sent >= c.count) return;
    const n = sent;
    sent += 1;
    session.submit_sm({
      destination_addr: c.to + String(n % 1000).padStart(c.digits || 0, '0'), source_addr: 'COKO',
      registered_delivery: c.registered_delivery || 0, short_message: `${c.text} ${n}`,
    }, (r) => {
      done += 1;
      if (r.command_status) refused += 1;
      if (done === c.count) {
        const seconds = Number(process.hrtime.bigint() - started) / 1e9;
        say({ event: 'flood', count: done, refused, per_s: Math.round(done / seconds) });
      }
      next();
    });
  };
  for (let i = 0; i < (c.window || 100); i += 1) next();
}

const ops = {
  bind,
  submit: (c) => submit(c, c.text),
  submit_long: submitLong,
  multi,
  flood,
  enquire: () => session.enquire_link((r) => say({ event: 'enquired',
    status: r.command_status })),
  query: (c) => session.query_sm({ message_id: c.message_id }, (r) => say({
    event: 'queried', status: r.command_status, state: r.message_state })),
  cancel: (c) => session.cancel_sm({ message_id: c.message_id }, (r) => say({
    event: 'cancelled', status: r.command_status })),
  replace: (c) => session.replace_sm({ message_id: c.message_id, short_message: c.text,
    registered_delivery: 1 }, (r) => say({ event: 'replaced', status: r.command_status })),
  data: (c) => session.data_sm({ destination_addr: c.to, source_addr: c.from || 'COKO',
    registered_delivery: 1, data_coding: 0, message_payload: c.text },
  (r) => say({ event: 'submitted', tag: c.tag, status: r.command_status,
    message_id: r.message_id })),
  raw: (c) => session.socket.write(Buffer.from(c.hex, 'hex')),
  deliver_status: (c) => { deliverStatus = c.status; say({ event: 'deliver_status' }); },
  deaf: (c) => { deaf = c.deaf; say({ event: 'deaf' }); },
  unbind: () => session.unbind((r) => { say({ event: 'unbound', status: r.command_status }); }),
};

const lines = readline.createInterface({ input: process.stdin });
lines.on('line', (line) => {
  const command = JSON.parse(line);
  if (!ops[command.op]) { say({ event: 'error', message: `no op ${command.op}` }); return; }
  ops[command.op](command);
});
lines.on('close', () => { session.destroy(); process.exit(0); });
