/**
 * Requests that wait, where their queue's object cannot be reached, or is lost: the real gate, between a caller and sockets of the test.
 * Invariant: a wait ends with an answer, however often its socket is lost.
 */
import { expect, test } from "vitest";
import { packAnswer } from "../../../src/contract/packing.ts";
import type { CommandRequest } from "../../../src/contract/rpc.ts";
import { ENOUGH, WAITING, type Wait } from "../../../src/contract/waits.ts";
import { answerOrWait, type Waiting } from "../../../src/http/waits.ts";

const claim: CommandRequest<"lease.claim"> = { v: 1, name: "lease.claim", input: {}, bytes: 0 };
const none = '{"now":1,"jobs":[]}';

/** What an object does that is asked to take a wait. */
type Act = (socket: WebSocket) => void;
const takes: Act = (socket) => socket.send(WAITING);
const dies: Act = (socket) => {
  takes(socket);
  socket.close(1011, "gone");
};
const answers =
  (reply: string): Act =>
  (socket) => {
    takes(socket);
    socket.send(packAnswer({ reply }));
  };

function socketOf(act: Act): WebSocket {
  const { 0: theirs, 1: ours } = new WebSocketPair();
  ours.accept();
  ours.addEventListener("message", ({ data }) => {
    if (data !== ENOUGH) act(ours);
  });
  return theirs;
}

/** A call that waits for jobs behind `request`; each of its sockets acts in its own way, and undefined is none. */
function waiting(request: CommandRequest, first: string, ...acts: (Act | undefined)[]): Waiting {
  const wait: Wait = { kind: "jobs", request: claim };
  return {
    ...{ request, wait: { what: wait, ms: 5_000 }, caller: new AbortController() },
    ask: () => Promise.resolve({ reply: first }),
    connect: () => {
      const act = acts.shift();
      return Promise.resolve(act && socketOf(act));
    },
  };
}

test("a wait whose object is lost, and cannot be reached for a while, goes on", async () => {
  const given = '{"now":2,"jobs":[{"id":"a"}]}';
  const call = waiting(claim, none, dies, undefined, dies, answers(given));
  const response = await answerOrWait(call);
  expect(response.status).toBe(200);
  expect(await response.json()).toEqual(JSON.parse(given));
});

test("a wait that no object takes is refused, and may be tried again", async () => {
  const response = await answerOrWait(waiting(claim, none, undefined));
  expect(response.status).toBe(503);
  expect(await response.json()).toMatchObject({ code: "unavailable", retryable: true });
});

test("settlements are told also where no object takes the wait behind them", async () => {
  const items = [{ op: "complete" as const, id: "a", token: "t" }];
  const settle: CommandRequest<"lease.settle"> = {
    ...{ v: 1, name: "lease.settle", input: { items, claim: {} }, bytes: 0 },
  };
  const first = '{"now":1,"items":[{"id":"a","ok":true}],"refused":0,"jobs":[]}';
  const response = await answerOrWait(waiting(settle, first, undefined));
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({
    ...{ items: [{ id: "a", ok: true }], refused: 0, jobs: [] },
    claim: { code: "unavailable", retryable: true },
  });
});
