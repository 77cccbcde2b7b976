// SPDX-License-Identifier: Apache-2.0
// The stack that USSD services are made of today: npm "ussd-menu-builder" behind express, with its sessions in Redis.
// The benchmark's peer: it speaks Hubtel's JSON and shows the two screens of ours that the menu hops go between.
//
//   node ussd_menu.js --port 8080 --redis 6379        says {"ready":true} when it listens; ends on SIGTERM
//
// A menu object holds the request it works on, so each request gets its own, as services do that have met that.
'use strict';
const express = require('express');
const { createClient } = require('redis');
const UssdMenu = require('ussd-menu-builder');

const SECONDS_KEPT = '600';
const HOME = 'Coko : bonne lecture !\n1 Découvrir\n2 Mon pass\n3 Mon compte\n4 Aide';
const DISCOVER = 'Trouver une histoire\n1 Nouveautés\n2 Les plus lues\n3 Par genre\n4 Chercher un mot\n0 Retour';

function option(name) {
  return process.argv[process.argv.indexOf(`--${name}`) + 1];
}

const store = createClient({ socket: { host: '127.0.0.1', port: Number(option('redis')) } });
const key = (session) => `menu:${session}`;

const sessions = {
  start: () => Promise.resolve(),
  get: (session, name) => store.hGet(key(session), name),
  set: (session, name, value) => store.multi().hSet(key(session), name, value).expire(key(session), SECONDS_KEPT).exec(),
  end: (session) => store.del(key(session)),
};

function newMenu() {
  const menu = new UssdMenu({ provider: 'hubtel' });
  const next = { 1: 'discover', '00': 'home' };
  menu.sessionConfig(sessions);
  menu.startState({ run: () => menu.con(HOME), next });
  menu.state('home', { run: () => menu.con(HOME), next });
  menu.state('discover', { run: () => menu.con(DISCOVER), next });
  return menu;
}

const app = express();
app.use(express.json());
app.post('/', (request, response) => {
  const menu = newMenu();
  menu.on('error', (error) => response.status(500).send(String(error)));
  menu.run(request.body, (answer) => response.json({ SessionId: request.body.SessionId, ...answer }));
});

store.connect().then(() => app.listen(Number(option('port')), '127.0.0.1', () => console.log('{"ready":true}')));
process.on('SIGTERM', () => process.exit(0));
