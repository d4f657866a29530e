#!/usr/bin/env python3
"""Plays the scenarios of this folder on a server and writes down what clients hear.

    python3 record.py HOST:PORT [SCENARIO ...] > reference.json

The server is the reference server with JetStream (`nats-server -js`); nothing else may run on it. The test `golden` plays the same
scenarios on our consumer machine and compares; the suite `jetstream_consumers` plays them on a whole server.
"""

import datetime
import json
import pathlib
import re
import socket
import sys
import time

SETTLE = 0.12  # seconds in which a server says what it has to say


class Client:
    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)))
        self.rest = b""
        self.subscriptions = {}
        self.read_line()
        self.send(b'CONNECT {"verbose":false,"headers":true,"no_responders":false}\r\nPING\r\n')
        while self.read_line() != b"PONG":
            pass

    def send(self, data):
        self.socket.sendall(data)

    def read_line(self):
        while b"\r\n" not in self.rest:
            data = self.socket.recv(65536)
            if not data:
                raise EOFError
            self.rest += data
        line, self.rest = self.rest.split(b"\r\n", 1)
        return line

    def read_bytes(self, count):
        while len(self.rest) < count + 2:
            self.rest += self.socket.recv(65536)
        data, self.rest = self.rest[:count], self.rest[count + 2:]
        return data

    def subscribe(self, subject):
        if subject not in self.subscriptions.values():
            sid = str(len(self.subscriptions) + 1)
            self.subscriptions[sid] = subject
            self.send(f"SUB {subject} {sid}\r\n".encode())

    def unsubscribe(self, subject):
        for sid, known in list(self.subscriptions.items()):
            if known == subject:
                self.send(f"UNSUB {sid}\r\n".encode())
                self.subscriptions[sid] = ""

    def publish(self, subject, body, reply=""):
        body = body.encode()
        self.send(f"PUB {subject} {reply} {len(body)}\r\n".encode() + body + b"\r\n")

    def heard(self, seconds):
        """Everything that comes within the time, as (subscription, subject, reply, headers, payload)."""
        got = []
        end = time.monotonic() + seconds
        while True:
            self.socket.settimeout(max(end - time.monotonic(), 0.001))
            try:
                line = self.read_line()
            except (TimeoutError, socket.timeout):
                self.socket.settimeout(None)
                return got
            self.socket.settimeout(None)
            words = line.decode().split(" ")
            if words[0] == "PING":
                self.send(b"PONG\r\n")
            elif words[0] == "MSG":
                reply = words[3] if len(words) == 5 else ""
                body = self.read_bytes(int(words[-1]))
                got.append((self.subscriptions[words[2]], words[1], reply, "", body.decode()))
            elif words[0] == "HMSG":
                reply = words[3] if len(words) == 6 else ""
                data = self.read_bytes(int(words[-1])).decode()
                head = int(words[-2])
                got.append((self.subscriptions[words[2]], words[1], reply, data[:head], data[head:]))

    def request(self, subject, document):
        inbox = "_api"
        self.subscribe(inbox)
        self.publish(subject, document if isinstance(document, str) else json.dumps(document), inbox)
        for _ in range(50):
            others = self.heard(0.05)
            for message in others:
                if message[0] == inbox:
                    self.kept = [m for m in others if m[0] != inbox]
                    return json.loads(message[4])
        raise TimeoutError(subject)


def normal(text):
    """Times and random names differ from run to run."""
    text = re.sub(r"(\$JS\.ACK\.S\.C\.\d+\.\d+\.\d+)\.\d+\.", r"\1.T.", text)
    text = re.sub(r"(\$JS\.FC\.S\.C)\.\w{4}", r"\1.FLOW", text)
    text = re.sub(r"(Nats-Pin-Id: )\w{22}", r"\1PIN", text)
    return text


def play(client, scenario):
    client.request("$JS.API.STREAM.DELETE.S", "")
    stream = {"name": "S", "subjects": ["x.>"], "storage": "memory", "num_replicas": 1}
    stream.update(scenario.get("stream", {}))
    created = client.request("$JS.API.STREAM.CREATE.S", stream)
    assert "error" not in created, created
    deliveries, pin, flow = [], "", ""
    out = []
    for step in scenario["steps"]:
        (word, value), = step.items()
        pause = SETTLE
        kept = []
        if word == "publish":
            client.publish(value[0], value[1])
        elif word == "create":
            config = {"name": "C", "durable_name": "C"}
            config.update(value)
            answer = client.request("$JS.API.CONSUMER.CREATE.S.C", {"stream_name": "S", "config": config})
            assert "error" not in answer, answer
            kept = client.kept
        elif word == "pull":
            client.subscribe(value[0])
            client.publish("$JS.API.CONSUMER.MSG.NEXT.S.C", value[1].replace("PIN", pin), value[0])
        elif word == "ack":
            client.subscribe("r")
            reply = value[2] if len(value) > 2 else ""
            client.publish(deliveries[value[0]], value[1], reply)
        elif word == "publish_bytes":
            client.publish(value[0], "x" * value[1])
        elif word == "answer_flow":
            client.publish(flow, "")
        elif word == "update":
            config = client.request("$JS.API.CONSUMER.INFO.S.C", "")["config"]
            config.update(value)
            answer = client.request("$JS.API.CONSUMER.CREATE.S.C", {"stream_name": "S", "config": config})
            assert "error" not in answer, answer
            kept = client.kept
        elif word == "pause":
            until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(milliseconds=value)
            client.request("$JS.API.CONSUMER.PAUSE.S.C", {"pause_until": until.isoformat()})
            kept = client.kept
        elif word == "delete":
            client.request("$JS.API.CONSUMER.DELETE.S.C", "")
            kept = client.kept
        elif word == "listen":
            client.subscribe(value)
        elif word == "leave":
            client.unsubscribe(value)
        elif word == "wait":
            pause = value / 1000
        elif word == "remove":
            client.request("$JS.API.STREAM.MSG.DELETE.S", {"seq": value})
            kept = client.kept
        elif word == "info":
            info = client.request("$JS.API.CONSUMER.INFO.S.C", "")
            kept = client.kept
        elif word == "unpin":
            client.request("$JS.API.CONSUMER.UNPIN.S.C", {"group": value})
            kept = client.kept
        elif word == "reset":
            client.request("$JS.API.CONSUMER.RESET.S.C", {"seq": value})
            kept = client.kept
        else:
            raise ValueError(word)
        heard = []
        for to, subject, reply, headers, payload in kept + client.heard(pause):
            if reply.startswith("$JS.ACK."):
                deliveries.append(reply)
            if reply.startswith("$JS.FC."):
                flow = reply
            found = re.search(r"Nats-Pin-Id: (\w{22})", headers)
            pin = found.group(1) if found else pin
            if len(payload) > 40:
                payload = f"{len(payload)} bytes"
            heard.append([to, normal(reply), normal(headers), payload])
        if word == "info":
            keep = ["num_ack_pending", "num_redelivered", "num_waiting", "num_pending", "push_bound"]
            fields = {key: info.get(key, False) for key in keep}
            for place in ["delivered", "ack_floor"]:
                fields[place] = [info[place]["consumer_seq"], info[place]["stream_seq"]]
            heard.append(fields)
        out.append(heard)
    for subject in set(client.subscriptions.values()):
        if subject and subject != "_api":
            client.unsubscribe(subject)
    client.heard(0.05)
    return out


def main():
    here = pathlib.Path(__file__).parent
    scenarios = json.loads((here / "scenarios.json").read_text())
    wanted = sys.argv[2:]
    scenarios = [s for s in scenarios if not wanted or s["name"] in wanted]
    client = Client(sys.argv[1])
    client.kept = []
    recorded = {scenario["name"]: play(client, scenario) for scenario in scenarios}
    lines = []
    for name, steps in recorded.items():
        body = ",\n".join("    " + json.dumps(step) for step in steps)
        lines.append(f"  {json.dumps(name)}: [\n{body}\n  ]")
    print("{\n" + ",\n".join(lines) + "\n}")


main()
