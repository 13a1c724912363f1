/** A manual's text as it comes from a pack: paragraphs, steps, items, tables and warnings, line by line. Pure. */

export type Signal = "danger" | "warning" | "caution" | "note";

export type Block =
  | { kind: "paragraph"; text: string }
  | { kind: "steps"; items: { number: string; text: string }[] }
  | { kind: "items"; items: string[] }
  | { kind: "signal"; signal: Signal; word: string; text: string }
  | { kind: "table"; names: string[]; rows: string[][] };

const CELL = " | ";
const STEP = /^(\d{1,3}[.)])\s+(.*)$/;
const SIGNALS: [RegExp, Signal][] = [
  [/^(DANGER|GEFAHR)\s*[:!]\s*/i, "danger"],
  [/^(WARNING|WARNUNG)\s*[:!]\s*/i, "warning"],
  [/^(CAUTION|VORSICHT|ACHTUNG)\s*[:!]\s*/i, "caution"],
  [/^(NOTE|NOTICE|HINWEIS)\s*[:!]\s*/i, "note"],
];

export function parseText(text: string): Block[] {
  const blocks: Block[] = [];
  for (const line of text.split("\n")) {
    if (line.trim()) addLine(blocks, line);
  }
  return blocks;
}

function addLine(blocks: Block[], line: string): void {
  const last = blocks.at(-1);
  if (line.startsWith("| ")) {
    blocks.push({ kind: "table", names: line.slice(2).split(CELL), rows: [] });
    return;
  }
  if (last?.kind === "table" && line.includes(CELL)) {
    last.rows.push(line.split(CELL));
    return;
  }
  const signal = readSignal(line);
  if (signal) {
    blocks.push({ kind: "signal", ...signal });
    return;
  }
  const step = STEP.exec(line);
  if (step) {
    const item = { number: step[1]!, text: step[2]! };
    if (last?.kind === "steps") last.items.push(item);
    else blocks.push({ kind: "steps", items: [item] });
    return;
  }
  if (line.startsWith("- ")) {
    if (last?.kind === "items") last.items.push(line.slice(2));
    else blocks.push({ kind: "items", items: [line.slice(2)] });
    return;
  }
  if (last?.kind === "paragraph" && runsOn(last.text)) last.text += `\n${line}`;
  else blocks.push({ kind: "paragraph", text: line });
}

/** True of a line that no sentence ends: lines of a program, a list without marks. What follows stands close to it. */
export function runsOn(text: string): boolean {
  return !/[.!?:;…)"”]\s*$/.test(text);
}

/** Return the signal word of a warning, its kind, and the text behind it; null for other text. */
export function readSignal(line: string): { signal: Signal; word: string; text: string } | null {
  for (const [pattern, signal] of SIGNALS) {
    const found = pattern.exec(line);
    if (found) return { signal, word: found[1]!, text: line.slice(found[0].length) };
  }
  return null;
}

export interface Cell {
  name: string;
  value: string;
}

/** Return the cells of a row with their names, those that are filled. */
export function nameCells(names: string[], row: string[]): Cell[] {
  return row
    .map((value, column) => ({ name: (names[column] ?? "").trim(), value: value.trim() }))
    .filter((cell) => cell.value);
}

/** Write a row as the answer states it: "Thread: M12; Torque (Nm): 88". */
export function writeRow(cells: Cell[]): string {
  return cells.map((cell) => (cell.name ? `${cell.name}: ${cell.value}` : cell.value)).join("; ");
}

export interface StatedRow {
  heading: string;
  cells: Cell[];
  row: string[];
}

/** Find the row of a passage that a line of the answer states, cell for cell; null when it states none. */
export function findStatedRow(line: string, passage: string): StatedRow | null {
  let found: StatedRow | null = null;
  for (const block of parseText(passage)) {
    if (block.kind !== "table") continue;
    for (const row of block.rows) {
      const cells = nameCells(block.names, row);
      const written = writeRow(cells);
      const at = cells.length > 1 ? line.indexOf(written) : -1;
      if (at < 0 || line.slice(at + written.length).trim()) continue;
      if (!found || cells.length > found.cells.length) {
        found = { heading: line.slice(0, at).replace(/:\s*$/, "").trim(), cells, row };
      }
    }
  }
  return found;
}

export interface QuotedLine {
  text: string;
  citations: number[];
}

const MARKER = /\s*\[(\d{1,3})\]/g;

/** Split an answer into lines, each with the numbers of the passages behind it. */
export function readLines(answer: string): QuotedLine[] {
  return answer
    .split("\n")
    .filter((line) => line.trim())
    .map((line) => ({
      text: line.replace(MARKER, "").trim(),
      citations: [...line.matchAll(MARKER)].map((found) => Number(found[1])),
    }));
}

/** Return what an answer quotes from passage n. A line without a number belongs to the next that has one. */
export function findQuotes(answer: string, n: number): string[] {
  const quotes: string[] = [];
  let waiting: string[] = [];
  for (const line of readLines(answer)) {
    waiting.push(line.text);
    if (line.citations.length === 0) continue;
    if (line.citations.includes(n)) quotes.push(...waiting);
    waiting = [];
  }
  return quotes;
}

/** Return a heading's last part and the parts above it. */
export function splitHeading(heading: string): { last: string; above: string } {
  const parts = heading.split(" > ");
  return { last: parts.at(-1) ?? "", above: parts.slice(0, -1).join(" › ") };
}

const STOP = new Set("the and for how what why when where which who does are was with from that this der die das und wie was ist ein eine den dem für mit von".split(" "));

/** Return the words of a question that are worth showing in a snippet. */
export function findWords(question: string): string[] {
  const words = question.toLowerCase().match(/[\p{L}\p{N}][\p{L}\p{N}.,/-]*[\p{L}\p{N}]|\p{N}/gu) ?? [];
  return [...new Set(words)].filter((word) => (word.length > 2 || /\d/.test(word)) && !STOP.has(word));
}

/** Cut a text into pieces, in turn outside and inside of the words. */
export function splitByWords(text: string, words: string[]): { text: string; hit: boolean }[] {
  if (words.length === 0) return [{ text, hit: false }];
  const escaped = words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replace(/\s+/g, "\\s+"));
  const pattern = new RegExp(`(?<![\\p{L}\\p{N}])(${escaped.join("|")})`, "giu");
  return text
    .split(pattern)
    .map((piece, index) => ({ text: piece, hit: index % 2 === 1 }))
    .filter((piece) => piece.text);
}

/** Return a passage shortened to some lines around the first of the words. */
export function makeSnippet(text: string, words: string[], length = 220): string {
  const flat = text.replace(/^\| /gm, "").replace(/\n/g, " ");
  const at = words.map((word) => flat.toLowerCase().indexOf(word)).filter((one) => one >= 0);
  const first = at.length ? Math.min(...at) : 0;
  const start = first < length / 2 ? 0 : flat.lastIndexOf(" ", first - 40) + 1;
  const end = start + length >= flat.length ? flat.length : flat.lastIndexOf(" ", start + length);
  return `${start ? "… " : ""}${flat.slice(start, end)}${end < flat.length ? " …" : ""}`;
}
