/** Conversations, kept in the browser's database. Where there is none, they last until the page is closed. */
import type { Answer, Passage, Problem } from "./shapes";
import { Store } from "./store";

export type TurnState = "searching" | "reading" | "writing" | "done" | "stopped" | "failed" | "reconnecting" | "busy";

export interface Turn {
  id: string;
  question: string;
  equipment: string;
  askedAt: number;
  state: TurnState;
  evidence: Passage[] | null;
  /** What was written so far and is not checked. */
  written: string;
  quote: Answer | null;
  answer: Answer | null;
  problem: Problem | null;
  waitS: number;
  /** Numbers of the warnings that were acknowledged. */
  acknowledged: number[];
  /** Digests of the packs that answered, by name. */
  digests: Record<string, string>;
}

export interface Conversation {
  id: string;
  at: number;
  turns: Turn[];
}

const NAME = "edge";
const TABLE = "conversations";

/** All conversations, the newest first. */
export const conversations = new Store<Conversation[]>([]);

let database: IDBDatabase | null = null;

export async function openHistory(): Promise<void> {
  try {
    database = await new Promise<IDBDatabase>((resolve, reject) => {
      const opening = indexedDB.open(NAME, 1);
      opening.onupgradeneeded = () => opening.result.createObjectStore(TABLE, { keyPath: "id" });
      opening.onsuccess = () => resolve(opening.result);
      opening.onerror = () => reject(opening.error);
    });
    const found = await run<Conversation[]>("readonly", (table) => table.getAll());
    conversations.set((found ?? []).sort((one, other) => other.at - one.at));
  } catch {
    database = null;
  }
}

export function keep(conversation: Conversation): void {
  conversations.update((all) => [conversation, ...all.filter((one) => one.id !== conversation.id)]);
  void run("readwrite", (table) => table.put(conversation)).catch(() => undefined);
}

export function forget(id: string): void {
  conversations.update((all) => all.filter((one) => one.id !== id));
  void run("readwrite", (table) => table.delete(id)).catch(() => undefined);
}

export async function forgetAll(): Promise<void> {
  conversations.set([]);
  await run("readwrite", (table) => table.clear()).catch(() => undefined);
}

/** Return the conversations in which every word occurs, in a question or an answer. */
export function search(all: Conversation[], text: string): Conversation[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return all.filter((conversation) => {
    const said = conversation.turns
      .map((turn) => `${turn.question} ${turn.answer?.answer ?? ""} ${turn.equipment}`)
      .join(" ")
      .toLowerCase();
    return words.every((word) => said.includes(word));
  });
}

/** A random name; crypto.randomUUID is missing where the page came without TLS. */
export function makeId(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function run<T>(mode: IDBTransactionMode, work: (table: IDBObjectStore) => IDBRequest<T>): Promise<T | undefined> {
  if (!database) return Promise.resolve(undefined);
  const request = work(database.transaction(TABLE, mode).objectStore(TABLE));
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
