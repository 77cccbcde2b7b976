// SPDX-License-Identifier: Apache-2.0
// A merchant made of npm "mpesa-node", driven by JSON lines: commands on stdin, events on stdout.
// It judges tests/lab/mpesa_rail.py.
//
//   node mpesa_client.js --base http://127.0.0.1:8080 --key lab-consumer-key --secret lab-consumer-secret
//                        --code 174379 --passkey lab-passkey
//   {"op":"token"} {"op":"push","payer":254708374149,"amount":150,"callback":"http://...","account":"abc"}
//   {"op":"query","checkout":"ws_CO_..."}
'use strict';
const readline = require('readline');
const Mpesa = require('mpesa-node');

function option(name, fallback) {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : process.argv[at + 1];
}

const say = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);
const api = new Mpesa({
  consumerKey: option('key', 'lab-consumer-key'), consumerSecret: option('secret', 'lab-consumer-secret'),
  lipaNaMpesaShortCode: option('code', '174379'), lipaNaMpesaShortPass: option('passkey', 'lab-passkey') });
api.baseURL = option('base');

const ops = {
  async token() { return { answer: (await api.oAuth()).data }; },
  async push(c) { return { answer: (await api.lipaNaMpesaOnline(c.payer, c.amount, c.callback, c.account)).data }; },
  async query(c) { return { answer: (await api.lipaNaMpesaQuery(c.checkout)).data }; },
};

let chain = Promise.resolve();

async function run(command) {
  try {
    say({ event: command.op, ok: true, ...await ops[command.op](command) });
  } catch (error) {
    say({ event: command.op, ok: false, message: error.message, status: error.response && error.response.status,
      answer: error.response && error.response.data });
  }
}

const lines = readline.createInterface({ input: process.stdin });
lines.on('line', (line) => { chain = chain.then(() => run(JSON.parse(line))); });
lines.on('close', () => { chain.then(() => process.exit(0)); });
