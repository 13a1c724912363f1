/** The conversation on screen: asking, what comes back, stopping, asking again. */
import { conversations, keep, makeId, type Conversation, type Turn } from "./history";
import { ask as askServer, getHealth, ServerError, Unreachable } from "./server";
import { settings } from "./settings";
import type { Problem, TurnEvent } from "./shapes";
import { packs } from "./packs";
import { Store } from "./store";

const RETRY_MS = 1000;
const PATIENCE = 120;
const MOST_WAITS = 30;

export const conversation = new Store<Conversation>(makeEmpty());
/** True while a question is being answered. */
export const isBusy = new Store(false);

let controller: AbortController | null = null;

export function startNew(): void {
  stop();
  conversation.set(makeEmpty());
}

export function open(id: string): void {
  const found = conversations.get().find((one) => one.id === id);
  if (!found) return;
  stop();
  conversation.set(found);
}

/** End the turn under way; what has come so far stays. */
export function stop(): void {
  controller?.abort();
}

export function askAgain(turn: Turn): Promise<void> {
  return ask(turn.question);
}

export async function ask(question: string): Promise<void> {
  stop();
  const turn: Turn = {
    id: makeId(),
    question,
    equipment: settings.get().equipment,
    askedAt: Date.now(),
    state: "searching",
    evidence: null,
    written: "",
    quote: null,
    answer: null,
    problem: null,
    waitS: 0,
    acknowledged: [],
    digests: {},
  };
  const home = { ...conversation.get(), at: turn.askedAt };
  conversation.set({ ...home, turns: [...home.turns, turn] });
  const mine = new AbortController();
  controller = mine;
  isBusy.set(true);
  try {
    await follow(home.id, turn, mine.signal);
  } finally {
    if (controller === mine) isBusy.set(false);
  }
}

export function acknowledge(turn: Turn, warning: number): void {
  change(conversation.get().id, turn.id, (now) => ({ ...now, acknowledged: [...now.acknowledged, warning] }));
  keep(conversation.get());
}

/** Ask, and ask again when the server was away or had no room, until it is answered or stopped. */
async function follow(home: string, turn: Turn, signal: AbortSignal): Promise<void> {
  const set = (changed: Partial<Turn>) => change(home, turn.id, (now) => ({ ...now, ...changed }));
  for (let attempt = 0; ; attempt++) {
    try {
      await attemptOnce(home, turn, signal, set);
      return;
    } catch (error) {
      if (signal.aborted) return set({ state: "stopped" });
      if (error instanceof ServerError && error.problem.status === 503 && attempt < MOST_WAITS) {
        const waitS = Math.max(1, error.retryAfterS);
        set({ state: "busy", waitS });
        await sleep(waitS * 1000, signal);
      } else if (error instanceof Unreachable) {
        set({ state: "reconnecting" });
        if (!(await waitForServer(signal))) {
          return set(signal.aborted ? { state: "stopped" } : { state: "failed", problem: null });
        }
      } else {
        return set({ state: "failed", problem: error instanceof ServerError ? error.problem : null });
      }
      if (signal.aborted) return set({ state: "stopped" });
      set({ written: "", quote: null });
    }
  }
}

async function attemptOnce(
  home: string,
  turn: Turn,
  signal: AbortSignal,
  set: (changed: Partial<Turn>) => void,
): Promise<void> {
  const asked = { message: turn.question, conversation_id: home, equipment: turn.equipment || null };
  for await (const event of askServer(asked, signal)) {
    if (event.event === "error") throw new ServerError(event.data);
    change(home, turn.id, (now) => ({ ...now, ...take(now, event) }));
    if (event.event === "answer") {
      set({ digests: Object.fromEntries(packs.get().packs.map((pack) => [pack.name, pack.digest])) });
      const whole = conversation.get();
      if (whole.id === home) keep(whole);
      return;
    }
  }
  throw new Unreachable();
}

/** Return what an event changes in a turn. */
export function take(turn: Turn, event: TurnEvent): Partial<Turn> {
  switch (event.event) {
    case "evidence":
      return { state: "reading", evidence: event.data.passages };
    case "quote":
      return { state: "writing", quote: event.data };
    case "token":
      return { state: "writing", written: turn.written + event.data.text };
    case "answer":
      return { state: "done", answer: event.data, written: "" };
    case "error":
      return { state: "failed", problem: event.data as Problem };
  }
}

async function waitForServer(signal: AbortSignal): Promise<boolean> {
  for (let tries = 0; tries < PATIENCE && !signal.aborted; tries++) {
    await sleep(RETRY_MS, signal);
    try {
      await getHealth();
      return true;
    } catch {
      // not yet
    }
  }
  return false;
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

function change(home: string, id: string, changed: (turn: Turn) => Turn): void {
  conversation.update((now) =>
    now.id === home ? { ...now, turns: now.turns.map((turn) => (turn.id === id ? changed(turn) : turn)) } : now,
  );
}

function makeEmpty(): Conversation {
  return { id: makeId(), at: Date.now(), turns: [] };
}
