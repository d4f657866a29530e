// What the JavaScript client does with streams, key-value buckets and object stores. Tasks of `exercise.mjs`.

import assert from "node:assert/strict";
import { createRequire } from "node:module";

const load = createRequire(`${process.env.NATS_JS_DIR}/`);
const { headers, nanos } = load("@nats-io/transport-node");
const { AckPolicy, DeliverPolicy, DiscardPolicy, jetstream, jetstreamManager, JetStreamApiError, RetentionPolicy, StorageType } =
  load("@nats-io/jetstream");
const { Kvm } = load("@nats-io/kv");
const { Objm } = load("@nats-io/obj");

const BIG = 700_000;

const code = (wanted) => (error) => error instanceof JetStreamApiError && error.code === wanted;

async function eventually(what, condition) {
  for (let attempt = 0; attempt < 500; attempt++) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`waited in vain for ${what}`);
}

export async function streams(open) {
  const client = await open();
  const js = jetstream(client);
  const jsm = await jetstreamManager(client);
  await publish(js, jsm);
  await pull(js, jsm);
  await redeliver(js, jsm);
  await push(js, jsm);
  await ordered(js, jsm);
  await workQueue(js, jsm);
  await copies(jsm);
  await manage(js, jsm);
  await client.close();
}

async function publish(js, jsm) {
  for (const storage of [StorageType.File, StorageType.Memory]) {
    const name = `PUB${storage}`;
    const info = await jsm.streams.add({ name, subjects: [`${name}.>`], storage, max_msgs_per_subject: 3, allow_direct: true });
    assert.equal(info.config.storage, storage);
    for (let number = 0; number < 10; number++) {
      const ack = await js.publish(`${name}.a`, `${number}`);
      assert.deepEqual([ack.stream, ack.seq, ack.duplicate], [name, number + 1, false]);
    }
    const first = await js.publish(`${name}.b`, "once", { msgID: "1" });
    const again = await js.publish(`${name}.b`, "twice", { msgID: "1" });
    assert.ok(again.duplicate);
    assert.equal(again.seq, first.seq);
    const { state } = await jsm.streams.info(name);
    assert.deepEqual([state.messages, state.first_seq, state.last_seq], [4, 8, 11]);
    const message = await jsm.streams.getMessage(name, { seq: 9 });
    assert.deepEqual([message.subject, message.string()], [`${name}.a`, "8"]);
    const last = await jsm.direct.getMessage(name, { last_by_subj: `${name}.b` });
    assert.equal(last.header.get("Nats-Msg-Id"), "1");
    await assert.rejects(js.publish(`${name}.b`, "x", { expect: { lastSequence: 5 } }), code(10071));
    const batch = await jsm.direct.getBatch(name, { seq: 1, batch: 10 });
    const seen = [];
    for await (const one of batch) seen.push(one.string());
    assert.deepEqual(seen, ["7", "8", "9", "once"]);
  }
}

async function pull(js, jsm) {
  await jsm.streams.add({ name: "PULL", subjects: ["pull.*"] });
  for (let number = 0; number < 200; number++) {
    const h = headers();
    h.set("Number", `${number}`);
    await js.publish(`pull.${number % 2}`, `${number}`, { headers: h });
  }
  await jsm.consumers.add("PULL", { durable_name: "odd", ack_policy: AckPolicy.Explicit, filter_subject: "pull.1" });
  const consumer = await js.consumers.get("PULL", "odd");
  const seen = [];
  while (seen.length < 60) {
    for await (const message of await consumer.fetch({ max_messages: 30, expires: 5_000 })) {
      assert.equal(message.headers.get("Number"), message.string());
      assert.ok(await message.ackAck());
      seen.push(Number(message.string()));
    }
  }
  const rest = await consumer.consume({ max_messages: 10 });
  for await (const message of rest) {
    seen.push(Number(message.string()));
    message.ack();
    if (seen.length === 100) break;
  }
  await rest.close();
  assert.deepEqual(seen, Array.from({ length: 100 }, (_, index) => 2 * index + 1));
  assert.equal(await consumer.next({ expires: 1_000 }), null);
  await eventually("the acknowledgements", async () => (await consumer.info()).num_ack_pending === 0);
}

async function redeliver(js, jsm) {
  await jsm.streams.add({ name: "AGAIN", subjects: ["again"] });
  for (let number = 0; number < 3; number++) await js.publish("again", `${number}`);
  await jsm.consumers.add("AGAIN", { durable_name: "again", ack_policy: AckPolicy.Explicit, ack_wait: nanos(1_000), max_deliver: 3 });
  const consumer = await js.consumers.get("AGAIN", "again");
  const messages = [];
  for await (const message of await consumer.fetch({ max_messages: 3, expires: 5_000 })) messages.push(message);
  messages[0].nak();
  messages[1].term("not wanted");
  messages[2].working();
  const again = await consumer.next({ expires: 5_000 });
  assert.deepEqual([again.string(), again.info.deliveryCount], ["0", 2]);
  assert.ok(await again.ackAck());
  const late = await consumer.next({ expires: 5_000 });
  assert.deepEqual([late.string(), late.info.deliveryCount], ["2", 2]);
  assert.ok(await late.ackAck());
  const info = await consumer.info();
  assert.deepEqual([info.num_ack_pending, info.num_pending], [0, 0]);
}

async function push(js, jsm) {
  await jsm.streams.add({ name: "PUSH", subjects: ["push"] });
  for (let number = 0; number < 50; number++) await js.publish("push", `${number}`);
  await jsm.consumers.add("PUSH", {
    durable_name: "pushed", deliver_subject: "pushed.here", ack_policy: AckPolicy.Explicit, flow_control: true, idle_heartbeat: nanos(500),
  });
  const consumer = await js.consumers.getPushConsumer("PUSH", "pushed");
  let number = 0;
  for await (const message of await consumer.consume()) {
    assert.equal(message.string(), `${number}`);
    message.ack();
    if (++number === 50) break;
  }
}

async function ordered(js, jsm) {
  await jsm.streams.add({ name: "ORDER", subjects: ["order"], storage: StorageType.Memory });
  for (let number = 0; number < 500; number++) await js.publish("order", `${number}`);
  const consumer = await js.consumers.get("ORDER");
  let number = 0;
  for await (const message of await consumer.consume()) {
    assert.equal(message.string(), `${number}`);
    if (++number === 500) break;
  }
}

async function workQueue(js, jsm) {
  await jsm.streams.add({ name: "WORK", subjects: ["work"], retention: RetentionPolicy.Workqueue, max_msgs: 10, discard: DiscardPolicy.New });
  for (let number = 0; number < 10; number++) await js.publish("work", `${number}`);
  await assert.rejects(js.publish("work", "one too many"), code(10077));
  await jsm.consumers.add("WORK", { durable_name: "worker", ack_policy: AckPolicy.Explicit });
  const consumer = await js.consumers.get("WORK", "worker");
  for await (const message of await consumer.fetch({ max_messages: 10, expires: 5_000 })) assert.ok(await message.ackAck());
  assert.equal((await jsm.streams.info("WORK")).state.messages, 0);
}

async function copies(jsm) {
  await jsm.streams.add({ name: "MIRROR", mirror: { name: "PULL" } });
  await jsm.streams.add({ name: "SOURCED", sources: [{ name: "PULL", filter_subject: "pull.0" }, { name: "PUSH" }] });
  for (const [name, count] of [["MIRROR", 200], ["SOURCED", 150]]) {
    await eventually(`the messages of ${name}`, async () => (await jsm.streams.info(name)).state.messages === count);
  }
}

async function manage(js, jsm) {
  const names = [];
  for await (const name of jsm.streams.names()) names.push(name);
  for (const name of ["PULL", "PUSH", "WORK", "MIRROR"]) assert.ok(names.includes(name), name);
  assert.equal(await jsm.streams.find("push"), "PUSH");
  await jsm.consumers.add("PUSH", { durable_name: "new", deliver_policy: DeliverPolicy.New, ack_policy: AckPolicy.Explicit });
  assert.equal((await jsm.consumers.info("PUSH", "new")).num_pending, 0);
  const paused = await jsm.consumers.pause("PUSH", "new", new Date(Date.now() + 60_000));
  assert.ok(paused.paused);
  assert.ok(!(await jsm.consumers.resume("PUSH", "new")).paused);
  const consumers = [];
  for await (const info of jsm.consumers.list("PUSH")) consumers.push(info.name);
  assert.deepEqual(consumers.sort(), ["new", "pushed"]);
  assert.ok(await jsm.consumers.delete("PUSH", "new"));
  assert.ok(await jsm.streams.deleteMessage("PUSH", 7));
  assert.equal((await jsm.streams.purge("PUSH", { keep: 5 })).purged, 44);
  await jsm.streams.update("PUSH", { subjects: ["push", "push.more"] });
  await js.publish("push.more", "x");
  const account = await jsm.getAccountInfo();
  assert.ok(account.streams >= 8 && account.limits.max_streams === -1);
  assert.ok(await jsm.streams.delete("PUSH"));
  await assert.rejects(jsm.streams.info("PUSH"), code(10059));
}

export async function buckets(open) {
  const client = await open();
  const kvm = new Kvm(client);
  const kv = await kvm.create("KV", { history: 5 });
  assert.equal(await kv.put("a.b", "1"), 1);
  assert.equal(await kv.update("a.b", "2", 1), 2);
  await assert.rejects(kv.update("a.b", "3", 1), code(10071));
  assert.equal(await kv.create("c", "new"), 3);
  await assert.rejects(kv.create("c", "again"));
  const entry = await kv.get("a.b");
  assert.deepEqual([entry.string(), entry.revision], ["2", 2]);
  assert.equal((await kv.get("a.b", { revision: 1 })).string(), "1");
  await kv.delete("c");
  assert.equal((await kv.get("c")).operation, "DEL");
  assert.equal(await kv.create("c", "reborn"), 5);
  const history = [];
  for await (const one of await kv.history({ key: "c" })) history.push([one.string(), one.operation]);
  assert.deepEqual(history, [["new", "PUT"], ["", "DEL"], ["reborn", "PUT"]]);
  const watch = await kv.watch({ key: "a.>" });
  const seen = [];
  for await (const one of watch) {
    seen.push([one.key, one.string()]);
    if (seen.length === 1) await kv.put("a.c", "watched");
    if (seen.length === 2) break;
  }
  assert.deepEqual(seen, [["a.b", "2"], ["a.c", "watched"]]);
  await kv.purge("a.b");
  const keys = [];
  for await (const key of await kv.keys()) keys.push(key);
  assert.deepEqual(keys.sort(), ["a.c", "c"]);
  assert.equal(await kv.get("missing"), null);
  const status = await kv.status();
  assert.deepEqual([status.bucket, status.history], ["KV", 5]);
  assert.ok(await kv.destroy());
  await client.close();
}

export async function objects(open) {
  const client = await open();
  const store = await new Objm(client).create("OBJ", { description: "files" });
  const data = Uint8Array.from({ length: BIG }, (_, index) => index % 251);
  const info = await store.putBlob({ name: "big" }, data);
  assert.deepEqual([info.size, info.chunks], [BIG, Math.ceil(BIG / (128 * 1024))]);
  assert.deepEqual(await store.getBlob("big"), data);
  await store.putBlob({ name: "big" }, new TextEncoder().encode("small now"));
  assert.equal(new TextDecoder().decode(await store.getBlob("big")), "small now");
  await store.putBlob({ name: "other" }, new Uint8Array([1]));
  await store.link("linked", await store.info("big"));
  assert.equal(new TextDecoder().decode(await store.getBlob("linked")), "small now");
  assert.deepEqual((await store.list()).map((one) => one.name).sort(), ["big", "linked", "other"]);
  assert.ok((await store.delete("other")).success);
  assert.equal(await store.getBlob("other"), null);
  assert.ok((await store.seal()).sealed);
  await client.close();
}

// Goes on with a stream whose server is killed and comes back.
export async function restart(open) {
  const client = await open({ reconnectTimeWait: 50, maxReconnectAttempts: -1 });
  const js = jetstream(client);
  const jsm = await jetstreamManager(client);
  await jsm.streams.add({ name: "KEPT", subjects: ["kept"] });
  for (let number = 0; number < 100; number++) await js.publish("kept", `${number}`);
  await jsm.consumers.add("KEPT", { durable_name: "kept", ack_policy: AckPolicy.Explicit });
  const consumer = await js.consumers.get("KEPT", "kept");
  for await (const message of await consumer.fetch({ max_messages: 40, expires: 5_000 })) assert.ok(await message.ackAck());
  const cameBack = (async () => {
    for await (const status of client.status()) {
      if (status.type === "reconnect") return;
    }
    throw new Error("the client gave up");
  })();
  console.log("READY");
  await cameBack;
  assert.equal((await js.publish("kept", "100")).seq, 101);
  const seen = [];
  while (!seen.includes(100)) {
    for await (const message of await consumer.fetch({ max_messages: 61, expires: 2_000 })) {
      assert.ok(await message.ackAck());
      seen.push(Number(message.string()));
    }
  }
  // A server that does not keep every acknowledgement it answered delivers some of them again, and passes none over.
  const first = process.env.NATS_ACKS_ARE_DURABLE === "1" ? 40 : Math.min(...seen);
  assert.ok(first <= 40);
  const distinct = [...new Set(seen)].sort((a, b) => a - b);
  assert.deepEqual(distinct, Array.from({ length: 101 - first }, (_, index) => index + first));
  if (first === 40) assert.equal(seen.length, 61);
  await client.close();
}
