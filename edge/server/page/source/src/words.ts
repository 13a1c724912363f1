/** The words of the page in the reader's language: one file a language, fetched when it is needed. */
import english from "./languages/en.json";
import { Store } from "./store";

export type Word = keyof typeof english;
type Words = Record<Word, string>;

const others = import.meta.glob<Partial<Words>>(["./languages/*.json", "!./languages/en.json"], {
  import: "default",
});

/** The languages there are, by their code. */
export const LANGUAGES = ["en", ...Object.keys(others).map((path) => path.slice(-7, -5))];

const words = new Store<Words>(english);

/** Changes with the language; what watches it is drawn again. */
export const language = new Store("en");

/** Use a language; "auto" is the first of the browser's that there is. */
export async function useLanguage(wanted: string): Promise<void> {
  const asked = wanted === "auto" ? navigator.languages.map((code) => code.slice(0, 2).toLowerCase()) : [wanted];
  const code = asked.find((one) => LANGUAGES.includes(one)) ?? "en";
  const load = others[`./languages/${code}.json`];
  words.set({ ...english, ...(load ? await load() : {}) });
  document.documentElement.lang = code;
  language.set(code);
}

/** Return a word or sentence, with the values put into its places. */
export function say(word: Word, values: Record<string, string | number> = {}): string {
  return words.get()[word].replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ""));
}

export function formatNumber(value: number, digits = 0): string {
  return new Intl.NumberFormat(language.get(), { maximumFractionDigits: digits }).format(value);
}

export function formatBytes(bytes: number): string {
  const [value, unit] = bytes < 1e6 ? [bytes / 1e3, "kB"] : bytes < 1e9 ? [bytes / 1e6, "MB"] : [bytes / 1e9, "GB"];
  return `${formatNumber(value, value < 10 ? 1 : 0)} ${unit}`;
}

export function formatTime(at: number): string {
  return new Intl.DateTimeFormat(language.get(), { dateStyle: "medium", timeStyle: "short" }).format(at);
}
