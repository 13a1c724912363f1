/** What this browser remembers of its user's wishes. */
import { Store } from "./store";
import { useLanguage } from "./words";

export interface Settings {
  theme: "auto" | "light" | "dark" | "contrast";
  text: "normal" | "large" | "huge";
  motion: "auto" | "less";
  language: string;
  equipment: string;
}

const KEY = "edge.settings";
const DEFAULTS: Settings = { theme: "auto", text: "normal", motion: "auto", language: "auto", equipment: "" };

export const settings = new Store<Settings>(read());

export function change(changed: Partial<Settings>): void {
  settings.update((before) => ({ ...before, ...changed }));
  try {
    localStorage.setItem(KEY, JSON.stringify(settings.get()));
  } catch {
    // A browser without storage forgets; the settings hold until it is closed.
  }
  void apply();
}

/** Show the page as the settings say. */
export async function apply(): Promise<void> {
  const { theme, text, motion, language } = settings.get();
  Object.assign(document.documentElement.dataset, { theme, text, motion });
  await useLanguage(language);
}

function read(): Settings {
  try {
    return { ...DEFAULTS, ...(JSON.parse(localStorage.getItem(KEY) ?? "{}") as Partial<Settings>) };
  } catch {
    return DEFAULTS;
  }
}
