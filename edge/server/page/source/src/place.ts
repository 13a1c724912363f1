/** The place in a document that is on screen beside the conversation. */
import type { Passage } from "./shapes";
import { Store } from "./store";
import { findQuotes, findStatedRow } from "./text";
import { say } from "./words";

export interface Place {
  pack: string;
  document: string;
  page: number;
  passage: Passage | null;
  /** Quoted texts, to be located and marked. */
  quotes: string[];
  /** Rows of tables that the answer states. */
  rows: string[][];
  /** Grows with every opening, so that the same place can be gone to again. */
  opening: number;
}

export const place = new Store<Place | null>(null);

const WIDE = "(min-width: 68rem)";
let openings = 0;
let closedByHand = false;

export const isWide = () => matchMedia(WIDE).matches;

/** Show a passage, with what the answer says from it marked. */
export function openPassage(passage: Passage, answer = "", n = 0): void {
  closedByHand = false;
  show(passage, answer, n);
}

/** On a wide screen the page of the answer opens by itself, unless the page view was closed. */
export function offerPassage(passage: Passage, answer: string, n: number): void {
  if (isWide() && !closedByHand) show(passage, answer, n);
}

function show(passage: Passage, answer: string, n: number): void {
  const lines = answer ? findQuotes(answer, n) : [];
  const stated = lines.map((line) => findStatedRow(line, passage.text));
  const quotes = lines.flatMap((line, index) => stated[index]?.row.join(" ") ?? splitQuote(line));
  const rows = stated.flatMap((found) => (found ? [found.row] : []));
  if (!place.get() && !isWide()) history.pushState({ page: true }, "");
  const { pack, document } = passage;
  const page = findFirstPage(passage);
  place.set({ pack, document, page, passage, quotes, rows, opening: ++openings });
}

export function closePlace(): void {
  closedByHand = true;
  if ((history.state as { page?: boolean } | null)?.page) history.back();
  else place.set(null);
}

addEventListener("popstate", () => place.set(null));

/** Return the page as words: what is printed on it, else its position; in a file without pages its anchor or row. */
export function namePage(passage: Passage): string {
  if (passage.place) return passage.place;
  if (!hasPages(passage.document)) return "";
  if (passage.page_label) return say("page", { page: passage.page_label });
  return passage.page_to > passage.page_from
    ? say("page.pages", { from: passage.page_from, to: passage.page_to })
    : say("page", { page: passage.page_from });
}

export const hasPages = (document: string) => document.toLowerCase().endsWith(".pdf");

/** A step's number and a heading before the quotation are no part of the sentence on the page. */
function splitQuote(line: string): string[] {
  const text = line.replace(/^(\d{1,3}[.)]|-)\s+/, "");
  return text.length > 7 ? [text] : [];
}

function findFirstPage(passage: Passage): number {
  return passage.boxes[0]?.page ?? passage.page_from;
}
