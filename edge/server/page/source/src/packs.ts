/** The installed packs, as the page knows them. */
import { forgetContents, getPacks } from "./server";
import type { Packs } from "./shapes";
import { Store } from "./store";

export const packs = new Store<Packs>({ packs: [], problems: [] });
export const packsKnown = new Store(false);

export async function loadPacks(): Promise<void> {
  packs.set(await getPacks());
  packsKnown.set(true);
  forgetContents();
}
