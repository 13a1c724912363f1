/** What the server sends; the same shapes as edge/shapes.py. */

export interface Box {
  page: number;
  left: number;
  top: number;
  right: number;
  bottom: number;
}

export interface Passage {
  pack: string;
  version: string;
  document: string;
  page_from: number;
  page_to: number;
  page_label?: string;
  place?: string;
  heading: string;
  text: string;
  score: number;
  signed: boolean;
  boxes: Box[];
  chunks?: number[];
}

export interface Citation extends Passage {
  n: number;
}

export type Mode = "generated" | "extractive" | "faq" | "clarify" | "refused";

export interface Answer {
  answer: string;
  refused: boolean;
  mode: Mode;
  citations: Citation[];
  warnings: { text: string; citation: number }[];
  unverified: string[];
  conversation_id: string;
  engine: string;
  timings_ms: { evidence: number | null; quote: number | null; first_token: number | null; total: number | null };
  choices?: { label: string; citation: number }[];
  notice?: string;
}

export interface Evidence {
  passages: Passage[];
  ms: number;
}

export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  hint: string;
}

export interface InstalledPack {
  name: string;
  version: string;
  title: string;
  digest: string;
  size: number;
  signed: boolean;
  previous: string | null;
  place: string;
}

export interface Packs {
  packs: InstalledPack[];
  problems: { name: string; detail: string; hint: string }[];
}

export interface Health {
  status: "ok" | "degraded";
  version: string;
  packs: number;
  engine: string;
}

export interface Equipment {
  models: string[];
  known: boolean;
}

export interface Heading {
  heading: string;
  chunk: number;
  page: number;
}

export interface Contents {
  title: string;
  media_type: string;
  sha256: string;
  pages: { label: string | null; width: number; height: number }[];
  headings: Heading[];
  first_chunk: number;
  last_chunk: number;
}

export interface Part {
  chunk: number;
  kind: string;
  heading: string;
  text: string;
  page_from: number;
  page_to: number;
  place?: string;
}

export interface Hit {
  chunk: number;
  page: number;
  heading: string;
  snippet: string;
}

export type TurnEvent =
  | { event: "evidence"; data: Evidence }
  | { event: "quote"; data: Answer }
  | { event: "token"; data: { text: string } }
  | { event: "answer"; data: Answer }
  | { event: "error"; data: Problem };
