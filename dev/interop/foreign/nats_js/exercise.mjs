// What the JavaScript client does with a server: `node exercise.mjs <task>`, addressed by environment variables.
//
// NATS_JS_DIR  folder whose node_modules holds the client
// NATS_URL     where the server is
// NATS_LOGIN   JSON: user, pass, token, seed, creds (file), ca, cert, key (files), any of them
//
// Exit code 0 means that everything went as the client's documentation promises.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const load = createRequire(`${process.env.NATS_JS_DIR}/`);
const { connect, credsAuthenticator, headers, nkeyAuthenticator, NoRespondersError, TimeoutError } = load("@nats-io/transport-node");

const encode = (text) => new TextEncoder().encode(text);
const text = (message) => new TextDecoder().decode(message.data);

function options(more) {
  const login = JSON.parse(process.env.NATS_LOGIN ?? "{}");
  const chosen = { servers: process.env.NATS_URL, timeout: 10_000, ...more };
  if (login.user !== undefined) Object.assign(chosen, { user: login.user, pass: login.pass });
  if (login.token !== undefined) chosen.token = login.token;
  if (login.seed !== undefined) chosen.authenticator = nkeyAuthenticator(encode(login.seed));
  if (login.creds !== undefined) chosen.authenticator = credsAuthenticator(readFileSync(login.creds));
  if (login.ca !== undefined) chosen.tls = { caFile: login.ca, certFile: login.cert, keyFile: login.key };
  return chosen;
}

const open = (more = {}) => connect(options(more));

async function next(subscription) {
  for await (const message of subscription) return message;
  throw new Error("the subscription ended");
}

async function login() {
  const client = await open({ reconnect: false });
  const subscription = client.subscribe("login.check", { max: 1 });
  client.publish("login.check", "in");
  assert.equal(text(await next(subscription)), "in");
  await client.close();
}

async function refused() {
  await assert.rejects(open({ reconnect: false }));
}

async function messaging() {
  const [one, two] = [await open(), await open()];
  await publishAndSubscribe(one, two);
  await queueGroups(one);
  await requests(one, two);
  await withHeaders(one);
  await drain(one, two);
  await one.close();
}

async function publishAndSubscribe(one, two) {
  const subscription = two.subscribe("weather.>", { max: 100 });
  await two.flush();
  for (let number = 0; number < 100; number++) one.publish(`weather.city.${number}`, `${number}`);
  let expected = 0;
  for await (const message of subscription) {
    assert.equal(message.subject, `weather.city.${expected}`);
    assert.equal(text(message), `${expected}`);
    expected++;
  }
  assert.equal(expected, 100);
}

async function queueGroups(one) {
  const counts = [0, 0, 0];
  const members = await Promise.all(counts.map(() => open()));
  await new Promise((done, failed) => {
    const timer = setTimeout(() => failed(new Error(`the group got ${counts}`)), 10_000);
    const subscribe = async (client, index) => {
      client.subscribe("work", {
        queue: "workers",
        callback: () => {
          counts[index]++;
          if (counts.reduce((a, b) => a + b) === 300) {
            clearTimeout(timer);
            done();
          }
        },
      });
      await client.flush();
    };
    Promise.all(members.map(subscribe)).then(() => {
      for (let n = 0; n < 300; n++) one.publish("work", "x");
    }, failed);
  });
  assert.ok(counts.every((count) => count > 0), `${counts}`);
  await Promise.all(members.map((client) => client.close()));
}

async function requests(one, two) {
  two.subscribe("service", { callback: (_error, message) => message.respond(`re: ${text(message)}`) });
  await two.flush();
  for (let number = 0; number < 50; number++) {
    const reply = await one.request("service", `${number}`, { timeout: 10_000 });
    assert.equal(text(reply), `re: ${number}`);
  }
  await assert.rejects(one.request("nobody.listens", "?", { timeout: 10_000 }), (error) => isA(error, NoRespondersError));
  two.subscribe("silent", { callback: () => {} });
  await two.flush();
  await assert.rejects(one.request("silent", "?", { timeout: 100 }), (error) => isA(error, TimeoutError));
}

// A failed request carries its reason directly or as its cause.
function isA(error, kind) {
  return error instanceof kind || error.cause instanceof kind;
}

async function withHeaders(one) {
  const subscription = one.subscribe("with.headers", { max: 1 });
  const sent = headers();
  sent.append("Colour", "green");
  sent.append("Colour", "blue");
  one.publish("with.headers", "x", { headers: sent });
  const message = await next(subscription);
  assert.deepEqual(message.headers.values("Colour"), ["green", "blue"]);
}

async function drain(one, two) {
  const subscription = two.subscribe("drained");
  await two.flush();
  for (let number = 0; number < 100; number++) one.publish("drained", `${number}`);
  await one.flush();
  let received = 0;
  const reading = (async () => {
    for await (const _message of subscription) received++;
  })();
  await two.drain();
  await reading;
  assert.equal(received, 100);
  assert.ok(two.isClosed());
}

async function reconnect() {
  const client = await open({ reconnectTimeWait: 50, maxReconnectAttempts: -1 });
  const subscription = client.subscribe("after.restart", { max: 1 });
  await client.flush();
  const cameBack = (async () => {
    for await (const status of client.status()) {
      if (status.type === "reconnect") return;
    }
    throw new Error("the client gave up");
  })();
  console.log("READY");
  await cameBack;
  client.publish("after.restart", "back");
  assert.equal(text(await next(subscription)), "back");
  await client.close();
}

// Needs packages of its own, which the other tasks do without.
const stored = (task) => async () => (await import("./stored.mjs"))[task](open);

const limit = setTimeout(() => {
  console.error("the task takes too long");
  process.exit(2);
}, 40_000);
const tasks = {
  login,
  refused,
  messaging,
  reconnect,
  streams: stored("streams"),
  buckets: stored("buckets"),
  objects: stored("objects"),
  stored_restart: stored("restart"),
};
await tasks[process.argv[2]]();
clearTimeout(limit);
