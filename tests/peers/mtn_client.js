// SPDX-License-Identifier: Apache-2.0
// A merchant made of npm "mtn-momo", driven by JSON lines: commands on stdin, events on stdout.
// It judges tests/lab/mtn_rail.py.
//
//   node mtn_client.js --base http://127.0.0.1:8080 --key lab-subscription-key --host 127.0.0.1
//   {"op":"provision"} or {"op":"login","user":"uuid","secret":"..."}
//   {"op":"pay","payer":"225...","amount":"500","currency":"EUR","callbackUrl":"http://..."}
//   {"op":"status","reference":"uuid"} {"op":"balance"} {"op":"active","payer":"225..."}
'use strict';
const readline = require('readline');
const momo = require('mtn-momo');

function option(name, fallback) {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : process.argv[at + 1];
}

const say = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);
const primaryKey = option('key', 'lab-subscription-key');
const host = option('host', '127.0.0.1');
const api = momo.create({ callbackHost: host, baseUrl: option('base') });
let collections = null;

const ops = {
  async provision() {
    const users = api.Users({ primaryKey });
    const userId = await users.create(host);
    const { apiKey } = await users.login(userId);
    collections = api.Collections({ primaryKey, userId, userSecret: apiKey });
    return { user: userId };
  },
  async login(c) {
    collections = api.Collections({ primaryKey, userId: c.user, userSecret: c.secret });
    return {};
  },
  async pay(c) {
    const reference = await collections.requestToPay({
      amount: c.amount, currency: c.currency, externalId: c.externalId || '1',
      payer: { partyIdType: 'MSISDN', partyId: c.payer },
      payerMessage: c.message || 'Pass 1 jour', payeeNote: c.note || 'Coko',
      callbackUrl: c.callbackUrl });
    return { reference };
  },
  async status(c) { return { transaction: await collections.getTransaction(c.reference) }; },
  async balance() { return { balance: await collections.getBalance() }; },
  async active(c) { return { active: await collections.isPayerActive(c.payer, 'msisdn') }; },
};

let chain = Promise.resolve();

async function run(command) {
  try {
    say({ event: command.op, ok: true, ...await ops[command.op](command) });
  } catch (error) {
    say({ event: command.op, ok: false, error: error.name, message: error.message,
      code: error.code, transaction: error.transaction });
  }
}

const lines = readline.createInterface({ input: process.stdin });
lines.on('line', (line) => { chain = chain.then(() => run(JSON.parse(line))); });
lines.on('close', () => { chain.then(() => process.exit(0)); });
