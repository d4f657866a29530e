"""What the Python client does with a server: `exercise.py <task>`, addressed by environment variables.

NATS_URL     where the server is
NATS_LOGIN   JSON: user, pass, token, seed, creds (file), ca, cert, key (files), any of them

Exit code 0 means that everything went as the client's documentation promises.
"""

import asyncio
import json
import os
import ssl
import sys

import nats
from nats.errors import NoRespondersError, TimeoutError

import stored


def options():
    login = json.loads(os.environ.get("NATS_LOGIN", "{}"))
    chosen = {"servers": [os.environ["NATS_URL"]], "connect_timeout": 10}
    if "user" in login:
        chosen.update(user=login["user"], password=login["pass"])
    if "token" in login:
        chosen["token"] = login["token"]
    if "seed" in login:
        chosen["nkeys_seed_str"] = login["seed"]
    if "creds" in login:
        chosen["user_credentials"] = login["creds"]
    if "ca" in login:
        context = ssl.create_default_context(cafile=login["ca"])
        if "cert" in login:
            context.load_cert_chain(login["cert"], login["key"])
        chosen.update(tls=context, tls_hostname="localhost")
    return chosen


async def connect(**more):
    return await nats.connect(**options(), **more)


async def settled(client):
    """Returns when the server has handled everything that was asked before.

    The client's own flush() does not promise that: its PING goes straight to the socket and may overtake what is pending (seen
    against the reference server as well). A message to ourselves stands behind it in line.
    """
    inbox = client.new_inbox()
    subscription = await client.subscribe(inbox)
    await client.publish(inbox, b"")
    await subscription.next_msg(timeout=10)
    await subscription.unsubscribe()


async def login():
    client = await connect(allow_reconnect=False)
    subscription = await client.subscribe("login.check")
    await client.publish("login.check", b"in")
    message = await subscription.next_msg(timeout=10)
    assert message.data == b"in", message
    await client.close()


async def refused():
    try:
        client = await connect(allow_reconnect=False)
    except Exception as error:
        print(f"refused: {error!r}")
        return
    await client.close()
    raise AssertionError("the server let a stranger in")


async def messaging():
    one, two = await connect(), await connect()
    await publish_and_subscribe(one, two)
    await queue_groups(one)
    await requests(one, two)
    await headers(one)
    await drain(one, two)
    await one.close()


async def publish_and_subscribe(one, two):
    subscription = await two.subscribe("weather.>")
    await settled(two)
    for number in range(100):
        await one.publish(f"weather.city.{number}", str(number).encode())
    await settled(one)
    for number in range(100):
        message = await subscription.next_msg(timeout=10)
        assert (message.subject, message.data) == (f"weather.city.{number}", str(number).encode())
    await subscription.unsubscribe()
    limited = await two.subscribe("limited")
    await limited.unsubscribe(limit=2)
    await settled(two)
    for text in (b"1", b"2", b"3"):
        await one.publish("limited", text)
    await settled(one)
    assert [(await limited.next_msg(timeout=10)).data for _ in range(2)] == [b"1", b"2"]


async def queue_groups(one):
    counts = [0, 0, 0]
    members = [await connect() for _ in counts]
    done = asyncio.Event()

    def member(index):
        async def handle(_message):
            counts[index] += 1
            if sum(counts) == 300:
                done.set()

        return handle

    for index, client in enumerate(members):
        await client.subscribe("work", queue="workers", cb=member(index))
        await settled(client)
    for _ in range(300):
        await one.publish("work", b"x")
    await settled(one)
    await asyncio.wait_for(done.wait(), 10)
    assert sum(counts) == 300 and min(counts) > 0, counts
    for client in members:
        await client.close()


async def requests(one, two):
    async def answer(message):
        await message.respond(b"re: " + message.data)

    await two.subscribe("service", cb=answer)
    await settled(two)
    for number in range(50):
        reply = await one.request("service", str(number).encode(), timeout=10)
        assert reply.data == f"re: {number}".encode(), reply
    try:
        await one.request("nobody.listens", b"?", timeout=10)
    except NoRespondersError:
        pass
    else:
        raise AssertionError("a request without responders was answered")
    silent = await two.subscribe("silent")
    await settled(two)
    try:
        await one.request("silent", b"?", timeout=0.1)
    except TimeoutError:
        pass
    else:
        raise AssertionError("a silent service answered")
    await silent.unsubscribe()


async def headers(one):
    subscription = await one.subscribe("with.headers")
    await one.publish("with.headers", b"x", headers={"Colour": "green", "Shape": "round"})
    message = await subscription.next_msg(timeout=10)
    assert message.headers == {"Colour": "green", "Shape": "round"}, message.headers


async def drain(one, two):
    received = []

    async def slow(message):
        await asyncio.sleep(0.001)
        received.append(message.data)

    await two.subscribe("drained", cb=slow)
    await settled(two)
    for number in range(100):
        await one.publish("drained", str(number).encode())
    await settled(one)
    await two.drain()
    assert len(received) == 100, len(received)
    assert two.is_closed


async def reconnect():
    came_back = asyncio.Event()

    async def reconnected():
        came_back.set()

    client = await connect(
        reconnected_cb=reconnected,
        reconnect_time_wait=0.05,
        max_reconnect_attempts=-1,
    )
    subscription = await client.subscribe("after.restart")
    await settled(client)
    print("READY", flush=True)
    await asyncio.wait_for(came_back.wait(), 20)
    await client.publish("after.restart", b"back")
    message = await subscription.next_msg(timeout=10)
    assert message.data == b"back", message
    await client.close()


TASKS = {
    "login": login,
    "refused": refused,
    "messaging": messaging,
    "reconnect": reconnect,
    "streams": lambda: stored.streams(connect),
    "buckets": lambda: stored.buckets(connect),
    "objects": lambda: stored.objects(connect),
    "stored_restart": lambda: stored.restart(connect),
}

if __name__ == "__main__":
    asyncio.run(asyncio.wait_for(TASKS[sys.argv[1]](), 40))
