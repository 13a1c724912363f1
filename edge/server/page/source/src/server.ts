/** The server: requests, their errors, and the events of a turn. */
import type { Contents, Equipment, Health, Hit, Box, Packs, Part, Problem, TurnEvent } from "./shapes";
import { Store } from "./store";

/** True while the server asks for a token that this browser has not shown. */
export const tokenNeeded = new Store(false);

export class ServerError extends Error {
  constructor(
    readonly problem: Problem,
    readonly retryAfterS = 0,
  ) {
    super(problem.detail);
  }
}

/** The server could not be reached, or went away in mid-sentence. */
export class Unreachable extends Error {}

async function request(path: string, init: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, { credentials: "same-origin", ...init });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new Unreachable();
  }
  if (response.ok) return response;
  if (response.status === 401) tokenNeeded.set(true);
  const problem = (await response.json().catch(() => null)) as Problem | null;
  const unknown = { type: "about:blank", title: response.statusText, status: response.status, detail: "", hint: "" };
  throw new ServerError(problem ?? unknown, Number(response.headers.get("Retry-After") ?? 0));
}

async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  const response = await request(path, signal ? { signal } : {});
  return (await response.json()) as T;
}

/** Show the token once; the browser gets a cookie for it. */
export async function openSession(token: string): Promise<void> {
  await request("/session", { method: "POST", headers: { Authorization: `Bearer ${token}` } });
  tokenNeeded.set(false);
}

export const getPacks = () => get<Packs>("/packs");
export const getHealth = () => get<Health>("/health");
export const getEquipment = (model = "") => get<Equipment>(`/equipment?model=${encodeURIComponent(model)}`);

export async function getMetrics(): Promise<string> {
  return (await request("/metrics")).text();
}

export function locateDocument(pack: string, document: string): string {
  return `/documents/${encodeURIComponent(pack)}/${document.split("/").map(encodeURIComponent).join("/")}`;
}

const contents = new Map<string, Promise<Contents>>();

export function getContents(pack: string, document: string): Promise<Contents> {
  const path = `${locateDocument(pack, document)}/contents`;
  let found = contents.get(path);
  if (!found) {
    found = get<Contents>(path);
    contents.set(path, found);
    found.catch(() => contents.delete(path));
  }
  return found;
}

/** Forget what is known of documents: packs have changed. */
export function forgetContents(): void {
  contents.clear();
}

export async function getParts(pack: string, document: string, query: string): Promise<Part[]> {
  return (await get<{ parts: Part[] }>(`${locateDocument(pack, document)}/text?${query}`)).parts;
}

export function findInDocument(pack: string, document: string, text: string, signal: AbortSignal) {
  const path = `${locateDocument(pack, document)}/find?q=${encodeURIComponent(text)}`;
  return get<{ hits: Hit[]; more: boolean }>(path, signal);
}

/** Find where texts stand on a page; a text that does not has no boxes. */
export async function locateTexts(
  pack: string,
  document: string,
  page: number,
  texts: string[],
  signal: AbortSignal,
): Promise<Box[][]> {
  if (texts.length === 0) return [];
  const query = texts.map((text) => `text=${encodeURIComponent(text)}`).join("&");
  const path = `${locateDocument(pack, document)}/pages/${page}/places?${query}`;
  return (await get<{ places: Box[][] }>(path, signal)).places;
}

export interface Asked {
  message: string;
  conversation_id: string;
  equipment: string | null;
}

/** Ask, and yield the events of the turn as they come. */
export async function* ask(asked: Asked, signal: AbortSignal): AsyncGenerator<TurnEvent> {
  const response = await request("/chat", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ ...asked, stream: true }),
    signal,
  });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let unread = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      unread += value;
      const frames = unread.split("\n\n");
      unread = frames.pop()!;
      for (const frame of frames) {
        const event = parseFrame(frame);
        if (event) yield event;
      }
    }
  } catch (error) {
    if (signal.aborted || error instanceof ServerError) throw error;
    throw new Unreachable();
  } finally {
    reader.cancel().catch(() => undefined);
  }
}

function parseFrame(frame: string): TurnEvent | null {
  let name = "";
  const data: string[] = [];
  for (const line of frame.split("\n")) {
    if (line.startsWith("event: ")) name = line.slice(7);
    else if (line.startsWith("data: ")) data.push(line.slice(6));
  }
  return name ? ({ event: name, data: JSON.parse(data.join("\n")) } as TurnEvent) : null;
}
